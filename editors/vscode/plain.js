// Text of a project, or of anything else that is not ours, in a form that VS Code shows as it is.

// Characters that are not seen and change how others are: controls, marks of direction, line and paragraph separators.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/g;
const JOINER = '\u2060';

/**
 * One line of text for a notification, the status bar or a list.
 *
 * All of these take `$(name)` for an icon, and notifications take `[text](command:…)` for a link that runs a command.
 *
 * @param {string} text
 * @param {number} [longest] in characters
 */
function plain(text, longest = 300) {
  const line = String(text).replace(UNSEEN, ' ').replace(/ +/g, ' ').trim();
  const short = line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
  return short.replaceAll('$(', `$${JOINER}(`).replaceAll('](', `]${JOINER}(`);
}

module.exports = { plain };
