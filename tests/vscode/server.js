// A code-server, with a folder of its own for settings and extensions.

const childProcess = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { KEPT, TOOLS } = require('./place');
const { until } = require('./wait');

const ENTRY = path.join(KEPT, 'code-server', 'out', 'node', 'entry.js');

/** Nothing that asks the network, or asks people, and a terminal whose text can be read. */
const SETTINGS = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.autofetch': false,
  'git.openRepositoryInParentFolders': 'never',
  'git.terminalAuthentication': false,
  'json.schemaDownload.enable': false,
  'npm.fetchOnlinePackageInfo': false,
  'security.workspace.trust.startupPrompt': 'never',
  'task.allowAutomaticTasks': 'on',
  'telemetry.telemetryLevel': 'off',
  'terminal.integrated.gpuAcceleration': 'off',
  'terminal.integrated.shellIntegration.enabled': true,
  'typescript.disableAutomaticTypeAcquisition': true,
  'update.mode': 'none',
  'workbench.enableExperiments': false,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

class Server {
  #process;
  #log;

  /**
   * @param {import('./place').Place} place
   * @param {{name: string, extensions: string, trusting?: boolean, through?: string[], settings?: object}} how
   *   `trusting`: every folder is trusted; `through`: what begins it instead of its own command, with its words behind
   */
  static async start(place, how) {
    const server = new Server(place, how);
    await server.#begin();
    return server;
  }

  constructor(place, { name, extensions, trusting = true, through = [], settings = {} }) {
    this.place = place;
    this.name = name;
    this.data = path.join(place.base, `${name}-data`);
    this.extensions = extensions;
    this.trusting = trusting;
    this.through = through;
    // Those of the user, and those of the machine, which are of the server here: the same for both.
    for (const whose of ['User', 'Machine']) {
      place.write(path.join(this.data, whose, 'settings.json'), JSON.stringify({ ...SETTINGS, ...settings }));
    }
  }

  get words() {
    return [
      ...['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-telemetry', '--disable-update-check'],
      ...['--disable-getting-started-override', '--config', path.join(this.data, 'config.yaml')],
      ...['--user-data-dir', this.data, '--extensions-dir', this.extensions],
      ...(this.trusting ? ['--disable-workspace-trust'] : []),
    ];
  }

  async #begin() {
    this.#log = path.join(this.place.base, `${this.name}.log`);
    const log = fs.openSync(this.#log, 'w');
    const begin = this.through.length > 0 ? this.through : [command(this.place)];
    const [program, ...words] = [...begin, ...this.words];
    this.#process = childProcess.spawn(program, words, {
      cwd: this.place.base,
      env: this.place.env,
      stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    this.url = await until(`the server ${this.name} to listen`, () => {
      if (this.#process.exitCode !== null) throw new Error(`the server ended:\n${this.log()}`);
      return /HTTP server listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(this.log())?.[1];
    });
  }

  log() {
    return fs.readFileSync(this.#log, 'utf8');
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode !== null || !this.#process.kill('SIGTERM')) return;
    await ended;
  }
}

/** Writes the command `code-server`, with folders of its own if they are given; returns its path. */
function command(place, { data, extensions } = {}) {
  const own = data ? ['--user-data-dir', data, '--extensions-dir', extensions] : [];
  const words = [path.join(TOOLS, 'node'), ENTRY, ...own].map((word) => `'${word}'`);
  const file = path.join(place.base, data ? 'install' : 'bin', 'code-server');
  return place.write(file, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, 0o755);
}

module.exports = { Server, command };
