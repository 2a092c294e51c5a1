// Terminals of other shells, and those that VS Code opens by itself.

const fs = require('node:fs');
const path = require('node:path');
const { TOOLS } = require('../place');
const { until } = require('../wait');
const { said, saidNothing } = require('./expect');

const SAY = `printf '%s\\n' "$GREETING" "$PATH"; greet`;
const FISH = `printf '%s\\n' "$GREETING" (string join : $PATH); greet`;

function project(rig) {
  return rig.shared('shells', () =>
    rig.place.project('shells', { 'devshell.toml': rig.place.manifest('1.0', 'hello') }),
  );
}

/** A terminal of a shell that devshell brings. */
async function other(rig, shell, say) {
  const folder = await project(rig);
  const window = await rig.window({ folder });
  await window.ready('shells');
  said(rig.place, await window.terminal(say, { shellPath: path.join(TOOLS, shell) }), 'hello', 'greet 1.0');
}

async function leaving(rig) {
  const { place } = rig;
  const folder = await project(rig);
  place.rcFiles('"$HOME/.local/bin/devshell" hook');
  try {
    const window = await rig.window({ folder });
    await window.ready('shells');
    for (const [shellPath, say] of [
      ['/bin/bash', SAY],
      [path.join(TOOLS, 'zsh'), SAY],
      [path.join(TOOLS, 'fish'), FISH],
    ]) {
      said(place, await window.terminal(say, { shellPath }), 'hello', 'greet 1.0');
      saidNothing(place, await window.terminal(`cd ..; ${say}`, { shellPath }));
      said(place, await window.terminal(`cd ..; cd shells; ${say}`, { shellPath }), 'hello', 'greet 1.0');
    }
  } finally {
    place.rcFiles('');
  }
}

async function restored(rig) {
  const folder = await project(rig);
  const window = await rig.window({ folder });
  await window.ready('shells');
  await window.palette('Terminal: Create New Terminal');
  await until('a prompt', async () => /\$/.test(await window.screen()));
  await window.reload();
  await window.ready('shells');
  await until('a prompt', async () => /\$/.test(await window.screen()));
  said(rig.place, await window.typed(SAY), 'hello', 'greet 1.0');
}

/** A task of the folder that begins when it is opened, maybe before any extension has. */
async function opening(rig) {
  const { place } = rig;
  const task = { label: 'say', type: 'shell', command: `{ ${SAY}; } > said`, problemMatcher: [] };
  const tasks = JSON.stringify({ version: '2.0.0', tasks: [{ ...task, runOptions: { runOn: 'folderOpen' } }] });
  const files = { 'devshell.toml': place.manifest('1.0', 'at once'), '.vscode/tasks.json': tasks };
  const folder = await place.project('opening', files);
  await rig.window({ folder });
  const file = `${folder}/said`;
  await until('the task to run', () => fs.existsSync(file) && /greet|decoy/.test(fs.readFileSync(file, 'utf8')));
  said(place, fs.readFileSync(file, 'utf8'), 'at once', 'greet 1.0');
}

module.exports = [
  { name: 'zsh', title: 'a terminal of zsh has the tools', check: (rig) => other(rig, 'zsh', SAY) },
  { name: 'fish', title: 'a terminal of fish has the tools', check: (rig) => other(rig, 'fish', FISH) },
  { name: 'leaving', title: 'with the hook in a terminal, cd .. leaves the project whole', check: leaving },
  { name: 'restored', title: 'a terminal that comes back with its window has the tools', check: restored },
  { name: 'opening', title: 'so has a task that runs when the folder is opened', check: opening },
];
