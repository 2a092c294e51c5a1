// A language's extension as there are many: it starts a server by its bare name when a file of the language is opened,
// and asks it. What it heard is in `answer` of its exports.

const childProcess = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');

/** Speaks JSON-RPC with a process, with headers as language servers have them. */
class Connection {
  #process;
  #waiting = new Map();
  #next = 1;
  #rest = Buffer.alloc(0);
  heard = [];

  constructor(process) {
    this.#process = process;
    process.stdout.on('data', (data) => this.#read(data));
  }

  ask(method, params) {
    const id = this.#next++;
    this.#send({ id, method, params });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  tell(method, params) {
    this.#send({ method, params });
  }

  #send(message) {
    const text = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    this.#process.stdin.write(`Content-Length: ${text.length}\r\n\r\n`);
    this.#process.stdin.write(text);
  }

  #read(data) {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.#rest.subarray(0, end).toString())[1]);
      if (this.#rest.length < end + 4 + length) return;
      this.#take(JSON.parse(this.#rest.subarray(end + 4, end + 4 + length).toString()));
      this.#rest = this.#rest.subarray(end + 4 + length);
    }
  }

  #take(message) {
    if (message.method === undefined) {
      this.#waiting.get(message.id)?.(message.result);
      return;
    }
    this.heard.push(message);
    // A question of the server's: no answer would keep it waiting.
    if (message.id !== undefined) this.#send({ id: message.id, result: null });
  }
}

/** The compiler of the project: the package that the command on PATH is of. */
function compiler() {
  const folder = process.env.PATH.split(':').find((each) => fs.existsSync(path.join(each, 'tsserver')));
  if (!folder) throw new Error(`no tsserver on ${process.env.PATH}`);
  return path.resolve(
    fs.realpathSync(path.join(folder, 'tsserver')),
    '../../lib/node_modules/typescript/lib/tsserver.js',
  );
}

async function asked(document, kept) {
  const server = childProcess.spawn('typescript-language-server', ['--stdio']);
  server.on('error', () => {});
  const connection = new Connection(server);
  const [{ uri: root }] = vscode.workspace.workspaceFolders;
  const rootUri = `file://${root.fsPath}`;
  const uri = `file://${document.uri.fsPath}`;
  const folders = [{ uri: rootUri, name: 'project' }];
  const options = { disableAutomaticTypingAcquisition: true, tsserver: { path: compiler() } };
  await connection.ask('initialize', {
    processId: process.pid,
    rootUri,
    workspaceFolders: folders,
    capabilities: { textDocument: { hover: { contentFormat: ['markdown'] } } },
    initializationOptions: options,
  });
  connection.tell('initialized', {});
  const text = document.getText();
  connection.tell('textDocument/didOpen', { textDocument: { uri, languageId: 'typescript', version: 1, text } });
  const position = document.positionAt(text.lastIndexOf('greeting('));
  const hover = await connection.ask('textDocument/hover', { textDocument: { uri }, position });
  const version = connection.heard.find(({ method }) => method === '$/typescriptVersion')?.params.version ?? '';
  kept.answer = { hover: hover?.contents?.value ?? '', pid: server.pid, version };
}

function activate() {
  const kept = {};
  const document = vscode.workspace.textDocuments.find(({ languageId }) => languageId === 'typescript');
  kept.done = asked(document, kept).catch((error) => {
    kept.answer = { hover: String(error.stack), pid: 0, version: '' };
  });
  return kept;
}

module.exports = { activate };
