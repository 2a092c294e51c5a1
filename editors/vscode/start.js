// The first thing that happens, while nothing else of the window's extensions has begun: ask, apply, return. Whatever
// goes wrong is kept and said later; nothing may be thrown here.

const vscode = require('vscode');
const { find, askNow } = require('./devshell');
const { apply, difference } = require('./environment');
const { inCharge } = require('./direnv');

/** The extension host's environment before anything of ours was in it. */
const original = { ...process.env };

/** The folders of the window that are on this machine's disk. */
function folders() {
  return (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
}

/**
 * Finds the command, by the user's settings.
 *
 * @throws {import('./devshell').DevshellError}
 */
function command() {
  const setting = vscode.workspace.getConfiguration('devshell').get('executable', '').trim();
  return find({ setting, env: original, workspace: folders().map(({ uri }) => uri.fsPath) });
}

/** Whether a place is in a project. @param {import('./following').Place} place */
function hasProject({ answer }) {
  return answer !== undefined && answer.state !== 'none';
}

/** What is known of one folder, waiting for it. */
function look(folder) {
  const place = { folder, askedAt: Date.now() };
  try {
    place.envrc = inCharge(folder.uri.fsPath, vscode.extensions);
    if (!place.envrc) place.answer = askNow(command(), folder.uri.fsPath, process.env);
  } catch (error) {
    place.failure = error;
  }
  place.took = Date.now() - place.askedAt;
  return place;
}

/**
 * Asks for the folders in their order until the first that has a project, and applies it to this process. Where none
 * has, what may be active from where the editor was started is left.
 *
 * @returns {import('./following').Place[]} what is known of the folders, up to and with that one
 */
function start() {
  const places = [];
  if (!vscode.workspace.isTrusted) return places;
  for (const folder of folders()) {
    places.push(look(folder));
    if (places.at(-1).answer?.state !== 'none') break;
  }
  const { answer } = places.find(hasProject) ?? places[0] ?? {};
  if (answer) apply(difference(answer, process.env), process.env);
  return places;
}

module.exports = { command, folders, hasProject, original, start };
