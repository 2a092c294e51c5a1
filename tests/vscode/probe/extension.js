// Lets the rig act inside the extension host as another extension would: it runs the functions that it is sent.

const { record } = require('./record');

record('probe', 'load');

const net = require('node:net');
const path = require('node:path');
const vm = require('node:vm');
const vscode = require('vscode');

/** What functions may keep for those after them. */
const kept = {};

async function answer(line) {
  const { id, source, words } = JSON.parse(line);
  try {
    const value = await vm.runInThisContext(`(${source})`)(vscode, words, kept, require);
    return { id, value };
  } catch (error) {
    return { id, error: String(error?.stack ?? error) };
  }
}

function activate() {
  record('probe', 'activate');
  const folder = process.env.RIG_PLACE;
  if (!folder) return;
  const socket = net.connect(path.join(folder, 'socket'));
  const say = (value) => socket.write(`${JSON.stringify(value)}\n`);
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) answer(line).then(say);
  });
  socket.on('error', () => {});
  say({ pid: process.pid, folders: (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath) });
}

module.exports = { activate };
