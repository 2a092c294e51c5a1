// A window of VS Code in the browser: what people see of it and do in it, and the extension host behind it.

const fs = require('node:fs');
const path = require('node:path');
const { PATIENCE, until } = require('./wait');

/** Runs in the page: keeps every notification that ever appears, however short. */
function keepNotifications() {
  const kept = new Set();
  window.notificationsSoFar = () =>
    [...kept].map((item) => ({
      text: item.querySelector('.notification-list-item-message')?.textContent ?? '',
      buttons: [...item.querySelectorAll('.monaco-button')].map((button) => button.textContent),
    }));
  new MutationObserver(() => {
    for (const item of document.querySelectorAll('.notification-list-item')) kept.add(item);
  }).observe(document, { childList: true, subtree: true });
}

class Window {
  #rig;
  #own;
  #files = 0;

  /**
   * @param {object} rig with `browser`, `hosts` and `place`
   * @param {import('./server').Server} server
   * @param {{folder?: string, workspace?: string, file?: string, visitor?: object}} what `visitor` is a browser's
   *   context that outlives the window, and remembers what was in it; without, nobody has been here before
   */
  static async open(rig, server, what) {
    const window = new Window(rig);
    await window.#open(server, what);
    return window;
  }

  constructor(rig) {
    this.#rig = rig;
  }

  async #open(server, { folder, workspace, file, visitor }) {
    this.#own = visitor ? undefined : await this.#rig.visitor();
    this.page = await (visitor ?? this.#own).newPage();
    this.page.setDefaultTimeout(PATIENCE);
    await this.page.addInitScript(keepNotifications);
    const query = new URLSearchParams(folder ? { folder } : { workspace });
    if (file) {
      const uri = `vscode-remote://${new URL(server.url).host}${file}`;
      query.set('payload', JSON.stringify([['openFile', uri]]));
    }
    await this.#nextHost(() => this.page.goto(`${server.url}/?${query}`));
    await this.page.waitForSelector('.monaco-workbench .statusbar');
  }

  /** Does something that makes an extension host begin, and waits for it. */
  async #nextHost(act) {
    const { all } = this.#rig.hosts;
    const before = all.length;
    await act();
    this.host = await until('the extension host to begin', () => all[before]);
  }

  /** Runs a function in the extension host; see hosts.js. */
  run(what, words) {
    return this.host.run(what, words);
  }

  async close() {
    await (this.#own ?? this.page).close();
  }

  /** Opens the window anew, as it was: by the editor's own command, which writes down first how it was. */
  reload() {
    return this.#nextHost(() => this.palette('Developer: Reload Window'));
  }

  /** All notifications so far: `{text, buttons}`. */
  notifications() {
    return this.page.evaluate(() => window.notificationsSoFar());
  }

  /** Those that are to be seen now. */
  pending() {
    const items = this.page.locator('.notification-list-item-message').filter({ visible: true });
    return items.evaluateAll((all) => all.map(({ textContent }) => ({ text: textContent })));
  }

  /** Presses a button of a notification. */
  async press(button, text) {
    const item = this.page.locator('.notification-list-item', { hasText: text });
    await item.locator('.monaco-button', { hasText: button }).first().click();
  }

  /** Waits for a notification, and returns it. */
  notification(text) {
    return until(`a notification with ${text}`, async () =>
      (await this.notifications()).find((each) => text.test(each.text)),
    );
  }

  /** Presses the button that restarts the extensions, and waits until they are there again. */
  restart(text) {
    return this.#nextHost(() => this.press(/Restart|Reload/, text));
  }

  get #status() {
    return this.page.locator('.statusbar-item[id^="devshell.devshell"]');
  }

  /** Waits for the status bar item to say something. */
  async statusSays(pattern) {
    let last = '';
    try {
      await until(`the status bar to say ${pattern}`, async () => {
        const item = this.#status.first();
        last = (await item.count()) === 0 ? '' : (await item.textContent()).trim();
        return pattern.test(last);
      });
    } catch (error) {
      throw new Error(`${error.message}; it said: ${last}`);
    }
  }

  /** Waits for the status bar to say that a project is ready. */
  ready(name) {
    return this.statusSays(new RegExp(`^${name}$`));
  }

  /** What appears where the mouse is held over the status bar item. */
  async tooltip() {
    await this.#status.first().hover();
    const hover = this.page.locator('.workbench-hover-container, .monaco-hover').filter({ visible: true }).last();
    await hover.waitFor();
    return hover.innerText();
  }

  /** Runs a command from the palette, by the name it has there. */
  async palette(title) {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input[type="text"]').first();
    await input.waitFor();
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().waitFor();
    await this.page.keyboard.press('Enter');
  }

  /** Presses a button of the dialog that is open. */
  async dialog(button) {
    await this.page.locator('.monaco-dialog-box .monaco-button', { hasText: button }).first().click();
  }

  /** Makes a file name that is not in use. */
  file() {
    return path.join(this.#rig.place.base, `out-${this.host.pid}-${this.#files++}`);
  }

  /**
   * Types a command into a new terminal.
   *
   * @param {string} command whose output is written to a file
   * @param {object} [options] for vscode.window.createTerminal, `cwd` as a path
   * @returns {Promise<string>} what it printed
   */
  async terminal(command, options = {}) {
    const file = this.file();
    const group = /fish$/.test(options.shellPath ?? '') ? `begin; ${command}; end` : `{ ${command}; }`;
    await this.run(
      (vscode, { group, options, file }) => {
        const cwd = options.cwd && vscode.Uri.file(options.cwd);
        const terminal = vscode.window.createTerminal({ ...options, ...(cwd && { cwd }) });
        terminal.show();
        terminal.sendText(`${group} >${file}.part 2>&1; mv ${file}.part ${file}`);
      },
      { group, options, file },
    );
    return this.#written(file);
  }

  /** Types a command into the terminal in front, and returns what it printed. */
  async typed(command) {
    const file = this.file();
    await this.run(
      (vscode, { command, file }) =>
        vscode.window.activeTerminal.sendText(`{ ${command}; } >${file}.part 2>&1; mv ${file}.part ${file}`),
      { command, file },
    );
    return this.#written(file);
  }

  /** What the terminal in front shows. */
  screen() {
    return this.page.locator('.terminal-wrapper.active .xterm-rows').innerText();
  }

  async #written(file) {
    await until(`the output in ${path.basename(file)}`, () => fs.existsSync(file));
    // Shell integration says among it where commands begin.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how.
    return fs.readFileSync(file, 'utf8').replaceAll(/\x1b\][^\x07]*\x07/g, '');
  }

  /** Runs a task of the folder's tasks.json to its end; returns its exit code. */
  task(name) {
    return this.run(
      async (vscode, { name }) => {
        const task = (await vscode.tasks.fetchTasks()).find((each) => each.name === name);
        if (!task) throw new Error(`there is no task ${name}`);
        return new Promise((resolve, reject) => {
          const ended = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
            if (execution.task.name !== name) return;
            ended.dispose();
            resolve(exitCode);
          });
          vscode.tasks.executeTask(task).then(undefined, reject);
        });
      },
      { name },
    );
  }

  /** What other extensions saw of their environment: `{who: {load, activate}}`. */
  records() {
    const found = {};
    for (const name of fs.readdirSync(this.#rig.place.records)) {
      const [pid, who, at, part] = name.split('-');
      if (Number(pid) !== this.host.pid || part) continue;
      const text = fs.readFileSync(path.join(this.#rig.place.records, name), 'utf8');
      found[who] = { ...found[who], [at]: JSON.parse(text) };
    }
    return found;
  }

  /** Writes a picture of the window, or of a part of it. */
  async picture(name, clip) {
    const file = path.join(this.#rig.pictures, `${name}.png`);
    await this.page.screenshot({ path: file, animations: 'disabled', ...(clip && { clip }) });
  }
}

module.exports = { Window };
