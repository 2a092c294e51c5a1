// Follows the projects of the window's folders: asks when something has changed, and brings this process and the
// terminals to the answer.

const vscode = require('vscode');
const { ask } = require('./devshell');
const { inCharge } = require('./direnv');
const { apply, difference, matters } = require('./environment');
const { command, folders, hasProject, original } = require('./start');
const { Terminals } = require('./terminals');
const { Watching } = require('./watching');

const NOTHING = { state: 'none', project: null, variables: {}, path: [], watch: [], problems: [] };

/**
 * @typedef {object} Place what is known of one folder of the window
 * @property {import('vscode').WorkspaceFolder} folder
 * @property {object} [answer] of devshell, for the environment before anything was applied
 * @property {Error} [failure] why there is no answer
 * @property {string} [envrc] the file by which direnv's extension is in charge here
 * @property {number} askedAt in ms since 1970
 * @property {number} [took] how long other extensions had to wait for it, in ms
 */

/** Whether an answer for the original environment holds for this process's as well. */
function isUntouched(answer) {
  const names = [...Object.keys(answer.variables), ...Object.keys(process.env), ...Object.keys(original)];
  const told = new Set(Object.keys(answer.variables));
  return names.every((name) => (!told.has(name) && !/^DEVSHELL_/.test(name)) || process.env[name] === original[name]);
}

/** Whether two answers for one project, if both are there, tell of different states of it. */
function isAnother(answer, other) {
  if (!answer || !other) return false;
  return answer.state !== other.state || answer.environment !== other.environment;
}

class Following {
  #terminals;
  #watching;
  #log;
  /** What the start found out and no change has put in doubt, by the folders' URIs. */
  #known = new Map();
  #noted = new Map();
  #wanted = 0;
  #running;
  #answered = false;
  #disposed = false;
  #updated = new vscode.EventEmitter();
  #differed = new vscode.EventEmitter();

  /** @type {Place[]} */
  places = [];
  /** Told whenever something new is known of the folders. */
  onDidUpdate = this.#updated.event;
  /**
   * Told when this process's environment was changed, beyond devshell's own notes: `{name, late}`, the project's name,
   * and whether this is what the start should have found out.
   */
  onDidDiffer = this.#differed.event;

  /**
   * @param {import('vscode').ExtensionContext} context
   * @param {(line: string) => void} log
   */
  constructor(context, log) {
    this.#log = log;
    this.#terminals = new Terminals(context.environmentVariableCollection, original);
    this.#watching = new Watching(() => this.refresh());
  }

  /**
   * Takes over what the start has found out, and asks for the folders that it did not come to.
   *
   * @param {Place[]} places
   * @returns {Promise<void>} when all is known
   */
  async begin(places) {
    // What failed at the start was given little time: it is asked again.
    const known = places.filter(({ failure }) => !failure);
    this.#known = new Map(known.map((place) => [place.folder.uri.toString(), place]));
    this.#answered = known.length > 0 && known.length === places.length;
    for (const { folder, took } of places) this.#log(`${folder.uri.fsPath}: asked at the start, ${took} ms`);
    this.#take(places);
    if (this.#known.size < folders().length) await this.refresh();
    this.#known.clear();
  }

  /**
   * Asks for all folders anew. Of several wishes at a time the last one counts.
   *
   * @returns {Promise<void>} when what was known at the time of the call, or later, is applied
   */
  refresh() {
    this.#wanted += 1;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Looks whether something changed that no event told of. */
  check() {
    this.#watching.check();
  }

  /** The folder that this process's environment comes from. @returns {Place | undefined} */
  get leading() {
    return this.places[0]?.envrc ? undefined : this.places.find(hasProject);
  }

  /** The folder of the active editor, or the one that leads. @returns {Place | undefined} */
  get current() {
    const uri = vscode.window.activeTextEditor?.document.uri;
    const folder = uri && vscode.workspace.getWorkspaceFolder(uri);
    const own = folder && this.places.find((place) => place.folder.uri.toString() === folder.uri.toString());
    return own ?? this.leading ?? this.places[0];
  }

  dispose() {
    this.#disposed = true;
    this.#watching.dispose();
    this.#updated.dispose();
    this.#differed.dispose();
  }

  async #run() {
    let again = false;
    for (let done = -1; done !== this.#wanted && !this.#disposed; ) {
      done = this.#wanted;
      if (!vscode.workspace.isTrusted) return;
      const known = this.#known;
      this.#known = new Map();
      const places = await Promise.all(
        folders().map((folder) => known.get(folder.uri.toString()) ?? this.#ask(folder)),
      );
      const here = await this.#forThisProcess(places, known);
      if (done !== this.#wanted || this.#disposed) continue;
      if (!again && isAnother(here, (places.find(hasProject) ?? places[0])?.answer)) {
        // A sync ended between the two questions: terminals would be left behind for a moment. Only once: where the
        // answers differ for good, that is how it is.
        again = true;
        this.#wanted += 1;
        continue;
      }
      this.#take(places);
      this.#applyHere(here);
    }
  }

  async #ask(folder, env = original) {
    const place = { folder, askedAt: Date.now() };
    try {
      place.envrc = inCharge(folder.uri.fsPath, vscode.extensions);
      if (!place.envrc) place.answer = await ask(command(), folder.uri.fsPath, env);
    } catch (error) {
      place.failure = error;
    }
    return place;
  }

  /** The answer for this process, whose environment holds what was applied before. */
  async #forThisProcess(places, known) {
    if (places.length === 0 || places[0].envrc) return undefined;
    const place = places.find(hasProject) ?? places[0];
    // The start has applied it.
    if (known.has(place.folder.uri.toString())) return undefined;
    if (place.answer === undefined || isUntouched(place.answer)) return place.answer;
    const { answer } = await this.#ask(place.folder, { ...process.env });
    return answer;
  }

  #applyHere(answer) {
    if (answer === undefined) return;
    const changes = difference(answer, process.env);
    apply(changes, process.env);
    if (changes.length > 0) this.#log(`changed: ${changes.map(([name]) => name).join(', ')}`);
    const late = !this.#answered;
    this.#answered = true;
    if (matters(changes)) this.#differed.fire({ name: answer.name, late });
  }

  /** @param {Place[]} places */
  #take(places) {
    this.places = places;
    this.#terminals.update(places, folders().length > 1);
    this.#watching.follow(this.#files(), Math.min(...places.map(({ askedAt }) => askedAt)));
    for (const place of places) this.#note(place);
    this.#updated.fire();
  }

  /** Logs what is new. */
  #note(place) {
    const folder = place.folder.uri.fsPath;
    const text = describe(place);
    if (this.#noted.get(folder) === text) return;
    this.#noted.set(folder, text);
    this.#log(`${folder}: ${text}`);
  }

  #files() {
    const files = new Set();
    for (const { folder, answer, envrc } of this.places) {
      files.add(`${folder.uri.fsPath}/devshell.toml`);
      if (envrc) files.add(envrc);
      for (const file of (answer ?? NOTHING).watch) files.add(file);
    }
    return [...files];
  }
}

function describe({ answer, failure, envrc }) {
  if (envrc) return `direnv is in charge, by ${envrc}; devshell applies nothing`;
  if (failure) return failure.message;
  return answer.message ? `${answer.state}: ${answer.message}` : answer.state;
}

module.exports = { Following };
