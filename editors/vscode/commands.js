// What can be done from the editor: what one would type in a terminal, and looking at the result.

const path = require('node:path');
const vscode = require('vscode');
const { plain } = require('./plain');
const { restartExtensions } = require('./restarting');
const { run } = require('./running');
const { command: find, hasProject, original } = require('./start');

const SHOW_LOG = 'Show Log';
const ALLOW = 'Allow';
const MUST_BE_ALLOWED = new Set(['not allowed', 'denied', 'changed']);

/** What is offered in which state, in this order. */
const MENUS = {
  ready: ['showEnvironment', 'openManifest', 'sync', 'updateLock', 'restart', 'deny', 'showLog'],
  'not allowed': ['allow', 'openManifest', 'deny', 'showLog'],
  changed: ['allow', 'openManifest', 'deny', 'showLog'],
  denied: ['allow', 'openManifest', 'showLog'],
  'not installed': ['sync', 'openManifest', 'deny', 'showLog'],
  stale: ['sync', 'openManifest', 'updateLock', 'deny', 'showLog'],
  broken: ['openManifest', 'showLog', 'sync', 'deny'],
  none: ['showLog'],
};
const TITLES = {
  allow: ['$(check) Allow', 'look at what the project may do, and allow it'],
  deny: ['$(circle-slash) Deny', 'the project may no longer act'],
  sync: ['$(sync) Sync', "install the project's tools"],
  updateLock: ['$(arrow-up) Update Lock', 'to the newest versions that the manifest takes'],
  showEnvironment: ['$(list-flat) Show Environment', 'what the project sets'],
  openManifest: ['$(edit) Open Manifest', 'devshell.toml'],
  restart: ['$(debug-restart) Restart in Environment', 'start all extensions anew'],
  showLog: ['$(output) Show Log', ''],
};

/** What a project sets, as lines to read. */
function environmentText({ name, project, state, message, tools, path: entries, variables }) {
  const lines = [`# The environment of ${name} in ${project}`];
  if (state !== 'ready') return [...lines, `# ${state}: ${message}`, ''].join('\n');
  const shown = (value) => (/^[\x20-\x7e\u00a0-\uffff]*$/.test(value) ? value : JSON.stringify(value));
  lines.push('', '# Tools');
  for (const tool of Object.keys(tools).sort()) lines.push(`${tool} ${shown(tools[tool])}`);
  lines.push('', '# In front of PATH');
  for (const entry of entries) lines.push(shown(entry));
  lines.push('', '# Variables');
  for (const variable of Object.keys(variables).sort()) {
    const value = variables[variable];
    if (variable === 'PATH' || /^DEVSHELL_(?!(ROOT|ENV)$)/.test(variable)) continue;
    lines.push(value === null ? `${variable} is unset` : `${variable}=${shown(value)}`);
  }
  return [...lines, ''].join('\n');
}

class Commands {
  #following;
  #documents;
  #offers;
  #output;
  /** The projects that were shown in documents, by their URIs. */
  #shown = new Map();

  constructor({ following, documents, offers, output }) {
    this.#following = following;
    this.#documents = documents;
    this.#offers = offers;
    this.#output = output;
  }

  /**
   * Shows what the project would be allowed, and allows that, if the user agrees.
   *
   * @param {string | import('vscode').Uri} [of] the project's folder, or the document in which it was shown before
   */
  async allow(of) {
    const answer = await this.#answer(typeof of === 'object' ? this.#shown.get(of.toString()) : of);
    if (!answer || !(await this.#allow(answer))) return;
    const after = this.#following.places.find((place) => place.answer?.project === answer.project);
    // Not waited for: it may be left as it is for long.
    if (after) this.#offers.offer(after.answer);
  }

  async deny(project) {
    const answer = await this.#answer(project);
    if (!answer) return;
    await this.#run(answer.project, ['deny', '--quiet']);
    await this.#following.refresh();
  }

  async sync(project) {
    await this.#act(project, 'installing tools', [['sync']]);
  }

  async updateLock(project) {
    await this.#act(project, 'updating the lock', [['lock', '--update'], ['sync']]);
  }

  async showEnvironment() {
    const answer = await this.#answer();
    if (answer) await this.#documents.show(`Environment of ${answer.name}`, environmentText(answer));
  }

  async openManifest() {
    const answer = await this.#answer();
    if (!answer) return;
    const uri = vscode.Uri.file(path.join(answer.project, 'devshell.toml'));
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
  }

  async restart() {
    await restartExtensions();
  }

  showLog() {
    this.#output.show(true);
  }

  /** The list that a click on the status bar opens. */
  async menu() {
    if (!vscode.workspace.isTrusted) {
      await vscode.commands.executeCommand('workbench.trust.manage');
      return;
    }
    const place = this.#following.current;
    const items = (MENUS[place?.answer?.state] ?? MENUS.none).map((id) => ({
      label: TITLES[id][0],
      description: TITLES[id][1],
      id: `devshell.${id}`,
      args: [],
    }));
    if (place?.failure?.kind === 'missing') {
      items.unshift({
        label: '$(gear) Name the Command',
        description: 'the setting devshell.executable',
        id: 'workbench.action.openSettings',
        args: ['devshell.executable'],
      });
    }
    const title = place?.answer?.name ? plain(place.answer.name, 60) : 'devshell';
    const message = place?.answer?.message || place?.failure?.message || '';
    const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: plain(message) });
    if (chosen) await vscode.commands.executeCommand(chosen.id, ...chosen.args);
  }

  /** What is known of a project: the one of this root, else that of the active editor. Says so where there is none. */
  async #answer(project) {
    if (!vscode.workspace.isTrusted) {
      vscode.window.showInformationMessage('This window is in Restricted Mode: devshell is not asked.');
      return undefined;
    }
    const place =
      typeof project === 'string'
        ? this.#following.places.find(({ answer }) => answer?.project === project)
        : this.#following.current;
    if (place && !place.answer && place.envrc) return this.#beside(place);
    if (place?.failure) {
      await this.#complain(place.failure.message);
      return undefined;
    }
    if (place && hasProject(place)) return place.answer;
    vscode.window.showInformationMessage('There is no devshell.toml here. In a terminal, devshell init makes one.');
    return undefined;
  }

  /** Where direnv is in charge devshell was not asked for the folder: it is now, and nothing is applied. */
  async #beside(place) {
    const { ask } = require('./devshell');
    try {
      const answer = await ask(find(), place.folder.uri.fsPath, original);
      return answer.state === 'none' ? undefined : answer;
    } catch (error) {
      await this.#complain(error.message);
      return undefined;
    }
  }

  /** @returns {Promise<boolean>} whether it is allowed now */
  async #allow({ project, name: unsafe }) {
    const looked = await this.#run(project, ['allow', '--dry-run']);
    if (!looked) return false;
    const name = plain(unsafe, 60);
    this.#shown.set(await this.#documents.show(`Allow ${name}?`, looked.err), project);
    const detail =
      'What it may do then is in the editor behind this question. To read on there, cancel; the check mark above ' +
      'that editor brings the question back. A later change asks again.';
    const choice = await vscode.window.showWarningMessage(`Allow ${name} to act?`, { modal: true, detail }, ALLOW);
    if (choice !== ALLOW) return false;
    // Just what was shown: what has changed while it was read is refused.
    const done = await this.#run(project, ['allow', '--quiet', '--expect', looked.out.trim()]);
    await this.#following.refresh();
    return done !== undefined;
  }

  /** Runs commands one after another with their progress shown, and follows what they have changed. */
  async #act(project, title, commands) {
    const answer = await this.#answer(project);
    if (!answer) return;
    if (MUST_BE_ALLOWED.has(answer.state) && !(await this.#allow(answer))) return;
    await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `${plain(answer.name, 60)}: ${title}`,
        cancellable: true,
      },
      async (progress, token) => {
        const report = (text) => {
          const last = text
            .trim()
            .split(/[\r\n]/)
            .pop();
          if (last) progress.report({ message: plain(last, 100) });
        };
        for (const args of commands) {
          if (token.isCancellationRequested || !(await this.#run(answer.project, args, { token, report }))) break;
        }
      },
    );
    await this.#following.refresh();
  }

  /** Runs one command for a project. What goes wrong is said. @returns what it said, undefined where it failed */
  async #run(project, args, { token, report = () => {} } = {}) {
    const output = this.#output;
    output.appendLine(`> devshell ${args.join(' ')}   (${project})`);
    try {
      const said = (text) => {
        output.append(text);
        report(text);
      };
      const done = await run(find(), ['-C', project, ...args], { env: original, said, token });
      if (done.code === 0) return done;
      if (token?.isCancellationRequested) {
        output.appendLine('cancelled');
        return undefined;
      }
      const why = done.err.trim().split('\n').pop() || `it ended with ${done.code}`;
      await this.#complain(why);
    } catch (error) {
      await this.#complain(error.message);
    }
    return undefined;
  }

  async #complain(message) {
    // Not waited for: what comes next does not depend on it being read.
    vscode.window.showErrorMessage(plain(message), SHOW_LOG).then((choice) => {
      if (choice === SHOW_LOG) this.showLog();
    });
  }
}

/**
 * @param {{following: object, documents: object, offers: object, output: object}} parts
 * @returns {import('vscode').Disposable[]}
 */
function registerCommands(parts) {
  const commands = new Commands(parts);
  const ids = [...Object.keys(TITLES), 'menu'];
  return ids.map((id) => vscode.commands.registerCommand(`devshell.${id}`, (...args) => commands[id](...args)));
}

module.exports = { environmentText, registerCommands };
