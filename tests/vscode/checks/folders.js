// A window of several folders: each has its own environment.

const fs = require('node:fs');
const { said, saidNothing } = require('./expect');

const SAY = `printf '%s\\n' "$GREETING" "$PATH"; greet`;

async function folders(rig) {
  const { place } = rig;
  const tasks = (out) =>
    JSON.stringify({
      version: '2.0.0',
      tasks: [{ label: `say ${out}`, type: 'shell', command: `{ ${SAY}; } > said`, problemMatcher: [] }],
    });
  const one = await place.project('one', {
    'devshell.toml': place.manifest('1.0', 'the one'),
    '.vscode/tasks.json': tasks('one'),
  });
  const two = await place.project('two', {
    'devshell.toml': place.manifest('2.0', 'the other'),
    '.vscode/tasks.json': tasks('two'),
  });
  const none = place.folder('none', { 'notes.txt': '' });
  const workspace = place.write(
    `${place.base}/projects/all.code-workspace`,
    JSON.stringify({ folders: [{ path: one }, { path: two }, { path: none }] }),
  );
  const window = await rig.window({ workspace });
  await window.ready('one');
  // The others are asked for while nobody waits.
  await window.run(async (vscode) => {
    const { settled } = await vscode.extensions.getExtension('devshell.devshell').activate();
    await settled;
  });
  said(place, await window.terminal(SAY, { cwd: one }), 'the one', 'greet 1.0');
  said(place, await window.terminal(SAY, { cwd: two }), 'the other', 'greet 2.0');
  saidNothing(place, await window.terminal(SAY, { cwd: none }));
  for (const [folder, name, greeting, greet] of [
    [one, 'one', 'the one', 'greet 1.0'],
    [two, 'two', 'the other', 'greet 2.0'],
  ]) {
    await window.task(`say ${name}`);
    said(place, fs.readFileSync(`${folder}/said`, 'utf8'), greeting, greet);
  }
}

module.exports = [
  { name: 'folders', title: 'each folder of a window has its own in terminals and tasks', check: folders },
];
