// The extension hosts that are there: the probe in each of them calls, and does there what it is told.

const net = require('node:net');

class Host {
  #socket;
  #waiting = new Map();
  #next = 0;

  constructor(socket, { pid, folders }) {
    this.#socket = socket;
    this.pid = pid;
    this.folders = folders;
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the extension host ${pid} has ended`));
    });
  }

  /**
   * Runs a function in the extension host.
   *
   * @template T
   * @param {(vscode: typeof import('vscode'), words: object, kept: object, require: NodeRequire) => T} what it sees
   *   nothing of what is around it; `kept` stays for later ones
   * @param {object} [words] as JSON
   * @returns {Promise<T>}
   */
  run(what, words = {}) {
    const id = this.#next++;
    this.#socket.write(`${JSON.stringify({ id, source: String(what), words })}\n`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  heard({ id, value, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }
}

class Hosts {
  /** All that ever called, in their order. @type {Host[]} */
  all = [];
  #server;

  constructor(file) {
    this.#server = net.createServer((socket) => {
      let host;
      let rest = '';
      socket.setEncoding('utf8');
      socket.on('error', () => {});
      socket.on('data', (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          const said = JSON.parse(line);
          if (host) host.heard(said);
          else {
            host = new Host(socket, said);
            this.all.push(host);
          }
        }
      });
    });
    this.#server.listen(file);
    this.#server.unref();
  }

  close() {
    this.#server.close();
  }
}

module.exports = { Hosts };
