// A temporary place for a test: projects, a command devshell that stands in, and windows of VS Code.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FOLDER, createWindow, enter } = require('./stub');

class Place {
  #restore = { ...process.env };
  #contexts = [];

  /** @param {import('node:test').TestContext} test */
  constructor(test) {
    this.box = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'devshell-vscode-')));
    this.command = path.join(this.box, 'bin', 'devshell');
    this.program(
      this.command,
      `require(${JSON.stringify(path.join(__dirname, 'standin.js'))}).main(${JSON.stringify(this.box)})`,
    );
    this.setEnvironment({ PATH: '/usr/bin:/bin', HOME: path.join(this.box, 'home') });
    test.after(() => this.end());
  }

  /** Makes a program in JavaScript. */
  program(file, text) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `#!${process.execPath}\n${text}\n`, { mode: 0o755 });
  }

  setEnvironment(env) {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, env);
  }

  /** Writes a project, as an editor or devshell does it: another file takes the name. */
  project(name, said) {
    const root = path.join(this.box, name);
    fs.mkdirSync(root, { recursive: true });
    const file = path.join(root, 'devshell.toml');
    fs.writeFileSync(`${file}.new`, JSON.stringify(said));
    fs.renameSync(`${file}.new`, file);
    return root;
  }

  /** A project that may be entered. */
  ready(name, more = {}) {
    return this.project(name, { state: 'ready', path: [`/store/${name}/bin`], tools: { node: '22.1.0' }, ...more });
  }

  folder(name) {
    const folder = path.join(this.box, name);
    fs.mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** What the command does before it answers. */
  behave(text) {
    fs.writeFileSync(path.join(this.box, 'behaviour.js'), `module.exports = () => { ${text} };`);
  }

  /** How the command was called until now. */
  get calls() {
    const file = path.join(this.box, 'calls');
    if (!fs.existsSync(file)) return [];
    return fs.readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);
  }

  get questions() {
    return this.calls.filter(({ words }) => words[0] === 'export');
  }

  /** A window in which the extension's modules can be loaded. */
  window(given) {
    const window = createWindow({ ...given, settings: { 'devshell.executable': this.command, ...given.settings } });
    enter(window);
    return window;
  }

  /** A window in which the extension has been loaded and activated, and knows all it can. */
  async open(given) {
    const window = this.window(given);
    window.extension = require(path.join(FOLDER, 'extension.js'));
    await this.activate(window);
    return window;
  }

  async activate(window) {
    const { memory } = window;
    const context = {
      subscriptions: [],
      environmentVariableCollection: window.collection,
      workspaceState: {
        get: (key, fallback) => memory.get(key) ?? fallback,
        update: async (key, value) => memory.set(key, value),
      },
      extension: { extensionPath: FOLDER, packageJSON: JSON.parse(fs.readFileSync(path.join(FOLDER, 'package.json'))) },
    };
    window.context = context;
    this.#contexts.push(context);
    await window.extension.activate(context).settled;
  }

  /** What VS Code does when a window closes. */
  close(window) {
    for (const each of window.context.subscriptions.splice(0)) each.dispose();
  }

  end() {
    for (const context of this.#contexts) for (const each of context.subscriptions) each.dispose();
    this.setEnvironment(this.#restore);
    fs.rmSync(this.box, { recursive: true, force: true });
  }
}

module.exports = { Place };
