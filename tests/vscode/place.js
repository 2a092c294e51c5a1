// A user of their own: a home with rc files that put other tools in front of PATH, devshell's folders, and projects.
// The store and what was downloaded stay from run to run.

const childProcess = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..', '..');
const KEPT = path.join(ROOT, '.cache', 'vscode');
const TOOLS = path.join(KEPT, 'tools', '.devshell', 'env', 'bin');
const DEVSHELL = path.join(ROOT, '.venv', 'bin', 'devshell');
/** The commands that stand in front of PATH for this user, and are not to be taken. */
const DECOYS = ['greet', 'node', 'typescript-language-server'];
/** What every process that is started here has in its environment, so that it can be found again. */
const MARK = 'RIG_PLACE';

class Place {
  #server;

  static async make() {
    const place = new Place();
    await place.#serve();
    return place;
  }

  constructor() {
    this.base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'test-vscode-')));
    this.home = path.join(this.base, 'home');
    this.decoys = path.join(this.home, 'decoys');
    this.records = path.join(this.base, 'records');
    this.socket = path.join(this.base, 'socket');
    fs.mkdirSync(path.join(this.home, '.local', 'bin'), { recursive: true });
    fs.mkdirSync(this.records);
    // Where people have it. Nothing else that lies beside it, such as a Python, is to be on PATH.
    fs.symlinkSync(DEVSHELL, path.join(this.home, '.local', 'bin', 'devshell'));
    for (const name of DECOYS) this.write(path.join(this.decoys, name), '#!/bin/sh\necho decoy\n', 0o755);
    this.rcFiles('');
    this.write(path.join(this.home, '.gitconfig'), '[user]\nname = A User\nemail = user@example.com\n');
  }

  /** Writes the rc files; `hook` is the command that prints devshell's hook, without the shell's name, or ''. */
  rcFiles(hook) {
    const line = (shell) => (hook ? `eval "$(${hook} ${shell})"\n` : '');
    this.write(path.join(this.home, '.bashrc'), `${line('bash')}export PATH="${this.decoys}:$PATH"\nPS1='$ '\n`);
    // As Debian's and others' do. VS Code asks a login shell for the variables of its processes.
    this.write(path.join(this.home, '.profile'), '. "$HOME/.bashrc"\n');
    this.write(path.join(this.home, '.zshrc'), `${line('zsh')}export PATH="${this.decoys}:$PATH"\nPS1='%% '\n`);
    const fish = `${hook && `${hook} fish | source\n`}set -gx PATH ${this.decoys} $PATH\n`;
    this.write(path.join(this.base, 'config', 'fish', 'config.fish'), fish);
  }

  /** The variables of this user. */
  get env() {
    return {
      HOME: this.home,
      USER: os.userInfo().username,
      SHELL: '/bin/bash',
      LANG: 'C.UTF-8',
      PATH: `${this.decoys}:/usr/local/bin:/usr/bin:/bin`,
      XDG_CONFIG_HOME: path.join(this.base, 'config'),
      XDG_STATE_HOME: path.join(this.base, 'state'),
      XDG_DATA_HOME: path.join(KEPT, 'data'),
      XDG_CACHE_HOME: path.join(KEPT, 'cache'),
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
      [MARK]: this.base,
    };
  }

  /** The variables of whoever runs this, with devshell's folders here: package indexes are this machine's business. */
  get outside() {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('DEVSHELL_'));
    return {
      ...Object.fromEntries(kept),
      DEVSHELL_STATE_DIR: path.join(this.base, 'state', 'devshell'),
      DEVSHELL_DATA_DIR: path.join(KEPT, 'data', 'devshell'),
      DEVSHELL_CACHE_DIR: path.join(KEPT, 'cache', 'devshell'),
      [MARK]: this.base,
    };
  }

  write(file, text, mode = 0o644) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    fs.chmodSync(file, mode);
    return file;
  }

  /** Makes a folder with these files in it, by their names; returns its path. */
  folder(name, files) {
    const folder = path.join(this.base, 'projects', name);
    for (const [file, text] of Object.entries(files)) this.write(path.join(folder, file), text);
    return folder;
  }

  /** The manifest of a project with `greet` of a version, which says who it is, and a variable. */
  manifest(version, value, more = '') {
    return `[tools]
greet = { source = "http", version = "${version}", url = "${this.address}/{version}/greet" }
${more}
[env]
GREETING = "${value}"
`;
  }

  /**
   * Runs devshell to its end.
   *
   * @param {string[]} words
   * @param {{cwd: string, outside?: boolean, fails?: boolean}} how `outside` with what this machine's clients are set
   *   up for, such as package indexes; `fails` where a refusal is fine
   * @returns {Promise<string>} what it printed
   */
  devshell(words, { cwd, outside = false, fails = false }) {
    return this.run(DEVSHELL, words, { cwd, env: outside ? this.outside : this.env, fails });
  }

  run(command, words, { cwd = this.base, env = this.env, fails = false } = {}) {
    return new Promise((resolve, reject) => {
      childProcess.execFile(command, words, { cwd, env, maxBuffer: 2 ** 26 }, (error, out, err) => {
        if (error && !fails) reject(new Error(`${path.basename(command)} ${words.join(' ')}: ${err || error.message}`));
        else resolve(out);
      });
    });
  }

  /** Makes a project that is allowed and installed. */
  async project(name, files, how = {}) {
    const cwd = this.folder(name, files);
    await this.devshell(['allow', '--quiet'], { cwd });
    await this.devshell(['lock', '--quiet'], { cwd, ...how });
    await this.devshell(['sync', '--quiet'], { cwd, ...how });
    return cwd;
  }

  /** Whether a path lies in the store. */
  isStored(file) {
    return file.startsWith(`${path.join(KEPT, 'data', 'devshell', 'store')}/`);
  }

  /** Ends what is left of the processes that were started here, by their ids. */
  end() {
    for (const pid of this.#processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }

  /** Ends and removes everything. */
  async remove() {
    this.end();
    await new Promise((resolve) => this.#server.close(resolve));
    fs.rmSync(this.base, { recursive: true, force: true });
  }

  *#processes() {
    for (const name of fs.readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
      if (Number(name) === process.pid) continue;
      try {
        if (fs.readFileSync(`/proc/${name}/environ`, 'latin1').includes(`${MARK}=${this.base}\0`)) yield Number(name);
      } catch {
        // It ended meanwhile, or is another user's.
      }
    }
  }

  /** Offers `greet` of any version, on this machine alone. */
  async #serve() {
    this.#server = http.createServer((request, response) => {
      const [, version] = request.url.split('/');
      response.end(`#!/bin/sh\n[ $# = 0 ] || exec >"$1"\necho "greet ${version} $0"\n`);
    });
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#server.unref();
    this.address = `http://127.0.0.1:${this.#server.address().port}`;
  }
}

module.exports = { DEVSHELL, KEPT, MARK, Place, ROOT, TOOLS };
