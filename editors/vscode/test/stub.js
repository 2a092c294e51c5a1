// The part of VS Code that the extension uses, as far as a test can tell them apart: events are real, a collection
// of variables behaves as VS Code's does, and what a person would have seen is recorded.

const Module = require('node:module');
const path = require('node:path');

class Disposable {
  constructor(dispose) {
    this.dispose = dispose;
  }
}

class EventEmitter {
  #listeners = new Set();

  event = (listener) => {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  };

  fire(value) {
    for (const listener of [...this.#listeners]) listener(value);
  }

  dispose() {
    this.#listeners.clear();
  }
}

class Uri {
  constructor(scheme, uriPath) {
    this.scheme = scheme;
    this.path = uriPath;
  }

  static file(fsPath) {
    return new Uri('file', fsPath);
  }

  static from({ scheme, path: uriPath }) {
    return new Uri(scheme, uriPath);
  }

  get fsPath() {
    return this.path;
  }

  toString() {
    return `${this.scheme}://${encodeURI(this.path)}`;
  }
}

/** As in VS Code, appendText makes text of what would be Markdown. */
class MarkdownString {
  value = '';
  isTrusted = undefined;
  supportHtml = undefined;
  supportThemeIcons = undefined;

  constructor(value = '') {
    this.value = value;
  }

  appendText(text) {
    this.value += text.replace(/[\\`*_{}[\]()#+\-!~>]/g, '\\$&').replace(/\n/g, '\n\n');
    return this;
  }

  appendMarkdown(text) {
    this.value += text;
    return this;
  }
}

class Range {
  constructor(startLine, startCharacter, endLine, endCharacter) {
    this.start = { line: startLine, character: startCharacter };
    this.end = { line: endLine, character: endCharacter };
  }
}

class Diagnostic {
  constructor(range, message, severity) {
    Object.assign(this, { range, message, severity });
  }
}

const EnvironmentVariableMutatorType = { Replace: 1, Append: 2, Prepend: 3 };

/** One mutator a variable; setting it to what it is already is no change. */
class Collection {
  #mutators = new Map();
  #scopes = new Map();
  persistent = true;
  description = undefined;
  changes = 0;

  constructor(touched) {
    this.touched = touched;
  }

  replace(name, value, options) {
    this.#set(name, EnvironmentVariableMutatorType.Replace, value, options);
  }

  prepend(name, value, options) {
    this.#set(name, EnvironmentVariableMutatorType.Prepend, value, options);
  }

  get(name) {
    return this.#mutators.get(name);
  }

  forEach(callback) {
    for (const [name, mutator] of this.#mutators) callback(name, mutator, this);
  }

  delete(name) {
    if (this.#mutators.delete(name)) this.changes += 1;
    this.touched();
  }

  clear() {
    if (this.#mutators.size > 0) this.changes += 1;
    this.#mutators.clear();
    this.touched();
  }

  getScoped({ workspaceFolder }) {
    const key = workspaceFolder.uri.toString();
    if (!this.#scopes.has(key)) this.#scopes.set(key, new Collection(this.touched));
    return this.#scopes.get(key);
  }

  [Symbol.iterator]() {
    return this.#mutators[Symbol.iterator]();
  }

  #set(name, type, value, options = { applyAtProcessCreation: true }) {
    if (typeof value !== 'string') throw new Error(`${name}: the value is not a string`);
    const { applyAtProcessCreation = false, applyAtShellIntegration = false } = options;
    if (!applyAtProcessCreation && !applyAtShellIntegration) throw new Error(`${name}: would never be applied`);
    const mutator = { type, value, options: { applyAtProcessCreation, applyAtShellIntegration } };
    if (JSON.stringify(this.#mutators.get(name)) === JSON.stringify(mutator)) return;
    this.#mutators.set(name, mutator);
    this.changes += 1;
    this.touched();
  }
}

/**
 * The environment that a shell in a new terminal has: the mutators, the user's rc files, and the mutators once more by
 * shell integration.
 *
 * @param {Record<string, string>} environment that VS Code starts terminals from
 * @param {Collection[]} collections the window's, then the folder's
 * @param {{rc?: (env: Record<string, string>) => void, integration?: boolean}} [shell]
 */
function terminal(environment, collections, { rc = () => {}, integration = true } = {}) {
  const env = { ...environment };
  const mutate = (when) => {
    for (const collection of collections) {
      for (const [name, { type, value, options }] of collection) {
        if (!options[when]) continue;
        env[name] = type === EnvironmentVariableMutatorType.Prepend ? value + (env[name] ?? '') : value;
      }
    }
  };
  mutate('applyAtProcessCreation');
  rc(env);
  if (integration) mutate('applyAtShellIntegration');
  return env;
}

/**
 * A window.
 *
 * @param {{folders?: string[], trusted?: boolean, settings?: Record<string, unknown>, extensions?: string[],
 *   remoteName?: string, memory?: Map<string, unknown>}} given
 */
function createWindow({
  folders = [],
  trusted = true,
  settings = {},
  extensions = [],
  remoteName,
  memory = new Map(),
}) {
  const waiting = new Set();
  // Whatever happens here may be what a test waits for. Told afterwards, when it has happened.
  const touched = () => {
    queueMicrotask(() => {
      for (const look of [...waiting]) look();
    });
  };
  const recorded = { messages: [], executed: [], log: '', progress: [], picks: [], shown: [] };
  const answers = [];
  const events = {
    trust: new EventEmitter(),
    folders: new EventEmitter(),
    configuration: new EventEmitter(),
    extensions: new EventEmitter(),
    editor: new EventEmitter(),
    focus: new EventEmitter(),
  };
  const commands = new Map();
  const providers = new Map();
  const collection = new Collection(touched);
  const diagnostics = new Map();
  const statusItem = { visible: false, disposed: false };
  const toFolder = (folder, index) => ({ uri: Uri.file(folder), name: path.basename(folder), index });

  async function message(kind, text, ...rest) {
    const options = typeof rest[0] === 'object' ? rest.shift() : {};
    const entry = { kind, text, buttons: rest, ...options };
    recorded.messages.push(entry);
    touched();
    // A person who does nothing leaves a message open for ever.
    const answer = answers.find(({ pattern }) => pattern.test(text));
    if (!answer) return new Promise(() => {});
    answers.splice(answers.indexOf(answer), 1);
    await answer.before?.();
    if (answer.button !== undefined && !rest.includes(answer.button))
      throw new Error(`no such button: ${answer.button}`);
    return answer.button;
  }

  const workspace = {
    isTrusted: trusted,
    workspaceFolders: folders.map(toFolder),
    getConfiguration: (section) => ({
      get: (key, fallback) => settings[`${section}.${key}`] ?? fallback,
    }),
    getWorkspaceFolder: (uri) =>
      workspace.workspaceFolders.find(
        ({ uri: { fsPath } }) => uri.fsPath === fsPath || uri.fsPath.startsWith(`${fsPath}/`),
      ),
    onDidGrantWorkspaceTrust: events.trust.event,
    onDidChangeWorkspaceFolders: events.folders.event,
    onDidChangeConfiguration: events.configuration.event,
    registerTextDocumentContentProvider: (scheme, provider) => {
      providers.set(scheme, provider);
      return new Disposable(() => providers.delete(scheme));
    },
    openTextDocument: async (uri) => ({
      uri,
      getText: () => providers.get(uri.scheme)?.provideTextDocumentContent(uri),
    }),
  };

  const window = {
    activeTextEditor: undefined,
    onDidChangeActiveTextEditor: events.editor.event,
    onDidChangeWindowState: events.focus.event,
    createStatusBarItem: (id, alignment, priority) => {
      Object.assign(statusItem, {
        id,
        alignment,
        priority,
        show: () => {
          statusItem.visible = true;
          touched();
        },
        hide: () => {
          statusItem.visible = false;
          touched();
        },
        dispose: () => {
          statusItem.disposed = true;
        },
      });
      return statusItem;
    },
    createOutputChannel: () => ({
      append: (text) => {
        recorded.log += text;
        touched();
      },
      appendLine: (line) => {
        recorded.log += `${line}\n`;
        touched();
      },
      show: () => recorded.executed.push(['output.show']),
      dispose: () => {},
    }),
    showInformationMessage: (...args) => message('information', ...args),
    showWarningMessage: (...args) => message('warning', ...args),
    showErrorMessage: (...args) => message('error', ...args),
    showQuickPick: async (items, options) => {
      recorded.picks.push({ items, ...options });
      touched();
      const answer = answers.find(({ pick }) => pick);
      if (!answer) return undefined;
      answers.splice(answers.indexOf(answer), 1);
      return items.find(({ label }) => label.includes(answer.pick));
    },
    showTextDocument: async (document, options) => {
      recorded.shown.push({ uri: document.uri, text: document.getText(), options });
      touched();
    },
    withProgress: (options, task) => {
      const cancelled = new EventEmitter();
      const token = { isCancellationRequested: false, onCancellationRequested: cancelled.event };
      const entry = {
        ...options,
        reports: [],
        cancel: () => {
          token.isCancellationRequested = true;
          cancelled.fire();
        },
      };
      recorded.progress.push(entry);
      const report = ({ message: text }) => {
        entry.reports.push(text);
        touched();
      };
      return task({ report }, token);
    },
  };

  const vscode = {
    Diagnostic,
    DiagnosticSeverity: { Error: 0, Warning: 1 },
    Disposable,
    EnvironmentVariableMutatorType,
    EventEmitter,
    MarkdownString,
    ProgressLocation: { Notification: 15 },
    Range,
    StatusBarAlignment: { Left: 1, Right: 2 },
    ThemeColor: class ThemeColor {
      constructor(id) {
        this.id = id;
      }
    },
    Uri,
    commands: {
      registerCommand: (id, run) => {
        if (commands.has(id)) throw new Error(`command ${id} exists`);
        commands.set(id, run);
        return new Disposable(() => commands.delete(id));
      },
      executeCommand: async (id, ...args) => {
        recorded.executed.push([id, ...args]);
        touched();
        return commands.get(id)?.(...args);
      },
    },
    env: { remoteName },
    extensions: {
      getExtension: (id) => (extensions.includes(id) ? { id } : undefined),
      onDidChange: events.extensions.event,
    },
    languages: {
      createDiagnosticCollection: () => ({
        set: (uri, list) => {
          diagnostics.set(uri.fsPath, list);
          touched();
        },
        delete: (uri) => {
          diagnostics.delete(uri.fsPath);
          touched();
        },
        forEach: (callback) => {
          for (const [file, list] of [...diagnostics]) callback(Uri.file(file), list);
        },
        dispose: () => diagnostics.clear(),
      }),
    },
    window,
    workspace,
  };

  return {
    vscode,
    collection,
    diagnostics,
    memory,
    recorded,
    statusItem,
    commands,
    settings,
    extensions,
    /** Answers the next message that matches, `before` what happens between seeing it and clicking. */
    answer: (pattern, button, before) => answers.push({ pattern, button, before }),
    pick: (label) => answers.push({ pick: label, pattern: /(?!)/ }),
    scoped: (folder) => collection.getScoped({ workspaceFolder: toFolder(folder, 0) }),
    setFolders: (list) => {
      workspace.workspaceFolders = list.map(toFolder);
      events.folders.fire({});
    },
    trust: () => {
      workspace.isTrusted = true;
      events.trust.fire();
    },
    open: (file) => {
      window.activeTextEditor = { document: { uri: Uri.file(file) } };
      events.editor.fire(window.activeTextEditor);
    },
    focus: () => events.focus.fire({ focused: true }),
    changeExtensions: () => events.extensions.fire(),
    configure: (key, value) => {
      settings[key] = value;
      events.configuration.fire({ affectsConfiguration: (section) => key.startsWith(section) });
    },
    /** Waits until something is so, looking again whenever the extension has done anything. */
    until: (isSo) =>
      new Promise((resolve) => {
        // What watches files keeps no process alive.
        const alive = setInterval(() => {}, 1 << 30);
        const look = () => {
          if (!isSo()) return;
          waiting.delete(look);
          clearInterval(alive);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

let current;
const load = Module._load;
Module._load = function hooked(request, ...rest) {
  if (request === 'vscode') return current.vscode;
  return load.call(this, request, ...rest);
};

const FOLDER = path.dirname(__dirname);

/** Forgets the extension's modules, so that the next `require` is a new start in this window. */
function enter(window) {
  current = window;
  for (const file of Object.keys(require.cache)) {
    if (path.dirname(file) === FOLDER) delete require.cache[file];
  }
}

module.exports = { FOLDER, createWindow, enter, terminal };
