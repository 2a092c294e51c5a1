// The item in the status bar: which project the active editor is in, and what is to be done about it.

const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');
const { plain } = require('./plain');

const NAME = 60;

function hasManifest(folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'devshell.toml'))) return true;
    if (at === path.dirname(at)) return false;
  }
}

function tooltip(parts) {
  // Neither trusted nor with HTML: links that run commands are none.
  const text = new vscode.MarkdownString();
  for (const [index, part] of parts.entries()) {
    if (index > 0) text.appendMarkdown('\n\n');
    text.appendText(part);
  }
  return text;
}

function tools({ tools: versions }) {
  return Object.entries(versions ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]) => plain(`${name} ${version}`, 100))
    .join('\n');
}

/**
 * What to show of a place.
 *
 * @param {import('./following').Place | undefined} place
 * @param {boolean} trusted
 * @param {string | undefined} folder the path of the folder it would be of
 * @returns {{text: string, about: string[], warning: boolean} | undefined} undefined for nothing; of `about` some
 *   may be ''
 */
function display(place, trusted, folder) {
  const path = place?.folder.uri.fsPath ?? folder;
  if (path === undefined) return undefined;
  if (!trusted) {
    if (!hasManifest(path)) return undefined;
    const why = 'This window is in Restricted Mode: devshell is not asked, and nothing is applied.';
    return { text: '$(shield) devshell: restricted', about: [why, 'Click to manage trust.'], warning: false };
  }
  if (place === undefined) return undefined;
  if (place.envrc) {
    if (!hasManifest(path)) return undefined;
    const why = `The extension direnv sets the environment here, by ${plain(place.envrc)}.`;
    const how = "devshell applies nothing. The project's environment is there if that file has a line for devshell.";
    return { text: '$(package) devshell: direnv is in charge', about: [why, how], warning: false };
  }
  if (place.failure) {
    if (!hasManifest(path)) return undefined;
    const missing = place.failure.kind === 'missing';
    const how = missing
      ? 'Install devshell, or name the command in the setting devshell.executable.'
      : 'What it said is in the log.';
    return {
      text: missing ? '$(warning) devshell: command not found' : '$(warning) devshell: no answer',
      about: [plain(place.failure.message, 1000), how],
      warning: true,
    };
  }
  const { answer } = place;
  if (answer.state === 'none') return undefined;
  const name = plain(answer.name, NAME);
  if (answer.state === 'ready') {
    return {
      text: `$(package) ${name}`,
      about: [`${name}: ${plain(answer.project)}`, tools(answer)],
      warning: false,
    };
  }
  const next = answer.command ? `To do: devshell ${plain(answer.command)}` : '';
  return {
    text: `$(warning) ${name}: ${plain(answer.state, NAME)}`,
    about: [`${name}: ${plain(answer.project)}`, plain(answer.message, 1000), next],
    warning: answer.state !== 'denied',
  };
}

class Status {
  #following;
  #item;
  #subscriptions;

  /** @param {import('./following').Following} following */
  constructor(following) {
    this.#following = following;
    this.#item = vscode.window.createStatusBarItem('devshell.project', vscode.StatusBarAlignment.Left, 10);
    this.#item.name = 'devshell';
    this.#item.command = 'devshell.menu';
    const show = () => this.#show();
    this.#subscriptions = [following.onDidUpdate(show), vscode.window.onDidChangeActiveTextEditor(show)];
  }

  dispose() {
    for (const each of [this.#item, ...this.#subscriptions]) each.dispose();
  }

  #show() {
    const place = this.#following.current;
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    const shown = display(place, vscode.workspace.isTrusted, folder);
    const isProject = Boolean(place?.answer?.project);
    vscode.commands.executeCommand('setContext', 'devshell.project', isProject);
    if (shown === undefined) {
      this.#item.hide();
      return;
    }
    this.#item.text = shown.text;
    const about = shown.about.filter(Boolean);
    this.#item.tooltip = tooltip(about);
    // What is read out: without it that would be the tooltip with all its marks.
    const said = [shown.text.replace(/^\$\([a-z]+\) /, ''), ...about].join('. ').replaceAll('\n', ', ');
    this.#item.accessibilityInformation = { label: said };
    this.#item.backgroundColor = shown.warning ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.#item.show();
  }
}

module.exports = { Status, display };
