// What changes while a window is open is followed, whoever changed it.

const assert = require('node:assert/strict');
const { until } = require('../wait');
const { hasEnvironment, hasNothing, said, saidNothing } = require('./expect');

const SAY = `printf '%s\\n' "$GREETING" "$PATH"; greet`;
const CHANGED = /environment of live changed/i;

function greeting(window) {
  return window.run(() => process.env.GREETING ?? '');
}

async function change(rig) {
  const { place } = rig;
  const folder = await place.project('live', { 'devshell.toml': place.manifest('1.0', 'first') });
  const window = await rig.window({ folder });
  await window.ready('live');
  said(place, await window.terminal(SAY), 'first', 'greet 1.0');

  place.write(`${folder}/devshell.toml`, place.manifest('2.0', 'second'));
  for (const word of ['allow', 'lock', 'sync']) await place.devshell([word, '--quiet'], { cwd: folder });
  const begun = Date.now();
  await until('the new environment', async () => (await greeting(window)) === 'second');
  const after = Date.now() - begun;
  said(place, await window.terminal(SAY), 'second', 'greet 2.0');

  await window.notification(CHANGED);
  await window.restart(CHANGED);
  const { first } = await until('other extensions to begin', () => {
    const seen = window.records();
    return seen.first?.activate && seen;
  });
  hasEnvironment(place, first.activate, 'second');
  await window.ready('live');
  assert.ok(!(await window.pending()).some(({ text }) => CHANGED.test(text)), 'asked again');
  return `${after} ms after sync`;
}

async function deny(rig) {
  const { place } = rig;
  const folder = await place.project('denied', { 'devshell.toml': place.manifest('1.0', 'for now') });
  const window = await rig.window({ folder });
  await window.ready('denied');
  await until('the environment', async () => (await greeting(window)) === 'for now');
  await place.devshell(['deny', '--quiet'], { cwd: folder });
  await window.statusSays(/denied: denied/);
  hasNothing(place, await window.run(() => ({ ...process.env })));
  saidNothing(place, await window.terminal(SAY));
}

module.exports = [
  {
    name: 'change',
    title: 'a change from outside is in new terminals, and in extensions after a restart',
    check: change,
  },
  { name: 'deny', title: 'what is denied from outside is gone', check: deny },
];
