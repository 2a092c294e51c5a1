const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Place } = require('./place');
const { FOLDER } = require('./stub');

function ran({ calls }) {
  return calls.filter(({ words }) => words[0] !== 'export').map(({ words }) => words.join(' '));
}

test('every command of package.json is there, and every one that is there is in it', async (t) => {
  const place = new Place(t);
  const window = await place.open({});
  const { contributes } = JSON.parse(fs.readFileSync(path.join(FOLDER, 'package.json'), 'utf8'));
  assert.deepEqual([...window.commands.keys()].sort(), contributes.commands.map(({ command }) => command).sort());
});

test('allowing shows first what it means, and allows just that', async (t) => {
  const place = new Place(t);
  const said = { state: 'not allowed', path: ['/store/web/bin'] };
  const window = await place.open({ folders: [place.project('web', said)] });
  window.answer(/Allow web to act/, 'Allow', () => {
    assert.deepEqual(ran(place), ['allow --dry-run']);
    assert.match(window.recorded.shown[0].text, /what it would do: .*not allowed/);
  });
  await window.commands.get('devshell.allow')();
  assert.equal(window.recorded.messages.find(({ modal }) => modal).kind, 'warning');
  assert.match(ran(place)[1], /^allow --quiet --expect sha256:[0-9a-f]{64}$/);
  assert.equal(window.statusItem.text, '$(package) web');
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test('what changes while the question is open is not allowed', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'not allowed' })] });
  window.answer(/Allow web to act/, 'Allow', () => place.project('web', { state: 'not allowed', evil: true }));
  await window.commands.get('devshell.allow')();
  assert.match(window.recorded.messages.at(-1).text, /changed meanwhile/);
  assert.match(window.statusItem.text, /not allowed/);
});

test('who says no has allowed nothing', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'not allowed' })] });
  window.answer(/Allow web to act/, undefined);
  await window.commands.get('devshell.allow')();
  assert.deepEqual(ran(place), ['allow --dry-run']);
});

test('who wants to read first finds the question above what is to be read', async (t) => {
  const place = new Place(t);
  const [web, api] = ['web', 'api'].map((name) => place.project(name, { state: 'not allowed', path: [] }));
  const window = await place.open({ folders: [web, api] });
  window.answer(/Allow api to act/, undefined);
  await window.commands.get('devshell.allow')(api);
  const [{ uri }] = window.recorded.shown;
  window.answer(/Allow api to act/, 'Allow');
  // As VS Code calls it from the title of an editor.
  await window.commands.get('devshell.allow')(uri);
  assert.deepEqual(
    place.calls.filter(({ words }) => words[0] === 'allow').map(({ folder }) => folder),
    [api, api, api],
  );
  assert.match(JSON.parse(fs.readFileSync(path.join(api, 'devshell.toml'), 'utf8')).state, /ready/);
});

test('after the word is given, what is missing is offered', async (t) => {
  const place = new Place(t);
  const window = await place.open({
    folders: [place.project('web', { state: 'not allowed', afterwards: 'not installed' })],
  });
  window.answer(/Allow web to act/, 'Allow');
  window.commands.get('devshell.allow')();
  await window.until(() => window.recorded.messages.at(-1).buttons.includes('Sync'));
});

test('the button of the notification leads there', async (t) => {
  const place = new Place(t);
  const folder = place.project('web', { state: 'not allowed', path: [] });
  const window = place.window({ folders: [folder] });
  window.answer(/not allowed to act yet/, 'Look and Allow');
  window.answer(/Allow web to act/, 'Allow');
  window.extension = require(path.join(FOLDER, 'extension.js'));
  await place.activate(window);
  await window.until(() => window.statusItem.text === '$(package) web');
  assert.equal(ran(place).length, 2);
});

test('a project that is denied is left at once', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  await window.commands.get('devshell.deny')();
  assert.deepEqual(ran(place), ['deny --quiet']);
  assert.equal(process.env.PATH, '/usr/bin:/bin');
  assert.deepEqual([...window.collection], []);
});

test('sync shows how far it is, logs all of it, and what it brought is there', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'not installed', path: ['/new'] })] });
  await window.commands.get('devshell.sync')();
  const [progress] = window.recorded.progress;
  assert.equal(progress.title, 'web: installing tools');
  assert.equal(progress.cancellable, true);
  assert.ok(progress.reports.includes('unpacking node'), `${progress.reports}`);
  assert.match(window.recorded.log, /> devshell sync .*\nfetching node\nunpacking node\n/);
  assert.equal(process.env.PATH, '/new:/usr/bin:/bin');
});

test('what the command gets is the environment that the editor was started in', async (t) => {
  const place = new Place(t);
  process.env.TERM = 'xterm';
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  await window.commands.get('devshell.sync')();
  const { env, cwd } = place.calls.find(({ words }) => words[0] === 'sync');
  assert.equal(env.PATH, '/usr/bin:/bin');
  assert.equal(env.A, undefined);
  assert.equal(env.DEVSHELL_ROOT, undefined);
  assert.equal(env.NO_COLOR, '1');
  assert.equal(env.TERM, 'dumb');
  assert.equal(cwd, '/');
});

test('sync that is cancelled is asked to stop, and may tidy up', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'not installed', sync: 'endless' })] });
  const before = window.recorded.messages.length;
  const done = window.commands.get('devshell.sync')();
  await window.until(() => window.recorded.log.includes('fetching node'));
  window.recorded.progress[0].cancel();
  await done;
  assert.match(window.recorded.log, /stopped\ncancelled\n/);
  assert.equal(window.recorded.messages.length, before);
});

test('a window that closes stops what it has started', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'not installed', sync: 'endless' })] });
  const done = window.commands.get('devshell.sync')();
  await window.until(() => window.recorded.log.includes('fetching node'));
  place.close(window);
  await done;
  assert.match(window.recorded.log, /stopped\n/);
});

test('sync that fails says why, as text, and leads to the log', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'not installed', sync: 'fails' })] });
  window.answer(/network/, 'Show Log');
  await window.commands.get('devshell.sync')();
  const error = window.recorded.messages.find(({ kind }) => kind === 'error');
  assert.match(error.text, /devshell: error: no \[network\]/);
  assert.doesNotMatch(error.text, /\]\(/);
  await window.until(() => window.recorded.executed.some(([id]) => id === 'output.show'));
});

test('updating the lock is followed by a sync', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  await window.commands.get('devshell.updateLock')();
  assert.deepEqual(ran(place), ['lock --update', 'sync']);
});

test('sync of a project that is not allowed asks for that first', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'changed', path: [] })] });
  window.answer(/Allow web to act/, undefined);
  await window.commands.get('devshell.sync')();
  assert.deepEqual(ran(place), ['allow --dry-run']);
  window.answer(/Allow web to act/, 'Allow');
  await window.commands.get('devshell.sync')();
  assert.equal(ran(place).at(-1), 'sync');
});

test('the environment is shown, sorted and without what only devshell needs', async (t) => {
  const place = new Place(t);
  process.env.AWS = 'x';
  const folder = place.ready('web', { variables: { B: 'two\nlines', A: '1', AWS: null } });
  const window = await place.open({ folders: [folder] });
  await window.commands.get('devshell.showEnvironment')();
  const [{ text, uri }] = window.recorded.shown;
  assert.equal(uri.scheme, 'devshell');
  const lines = text.split('\n');
  const at = lines.indexOf('# Variables');
  assert.deepEqual(lines.slice(at + 1), [
    'A=1',
    'AWS is unset',
    'B="two\\nlines"',
    'DEVSHELL_ENV=/store/environment',
    `DEVSHELL_ROOT=${folder}`,
    '',
  ]);
  assert.ok(lines.includes('node 22.1.0') && lines.includes('/store/web/bin'));
});

test('the environment of a project that is not entered is said to be none', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'denied', message: 'You said no.' })] });
  await window.commands.get('devshell.showEnvironment')();
  assert.match(window.recorded.shown[0].text, /denied: You said no\./);
});

test('the manifest is opened, also from a folder below it', async (t) => {
  const place = new Place(t);
  const root = place.ready('web');
  const window = await place.open({ folders: [place.folder('web/src')] });
  await window.commands.get('devshell.openManifest')();
  assert.equal(window.recorded.shown[0].uri.fsPath, path.join(root, 'devshell.toml'));
});

test('a command is for the project of the active editor', async (t) => {
  const place = new Place(t);
  const [web, api] = [place.ready('web'), place.ready('api')];
  const window = await place.open({ folders: [web, api] });
  window.open(path.join(api, 'main.js'));
  await window.commands.get('devshell.deny')();
  assert.equal(place.calls.find(({ words }) => words[0] === 'deny').folder, api);
});

test('restarting in the environment is one command', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  await window.commands.get('devshell.restart')();
  assert.deepEqual(window.recorded.executed.at(-1), ['workbench.action.restartExtensionHost']);
});

for (const [state, first] of [
  ['ready', 'Show Environment'],
  ['not allowed', 'Allow'],
  ['not installed', 'Sync'],
  ['broken', 'Open Manifest'],
]) {
  test(`a click on the status bar offers first what fits a project that is ${state}`, async (t) => {
    const place = new Place(t);
    const window = await place.open({ folders: [place.project('web', { state, path: [], tools: {} })] });
    await window.commands.get('devshell.menu')();
    const [{ items }] = window.recorded.picks;
    assert.ok(items[0].label.includes(first), items[0].label);
    for (const { id } of items) assert.ok(window.commands.has(id), id);
  });
}

test('without a project, or without trust, a command says so and does nothing', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.folder('notes')] });
  // Nobody clicks these away: what is done is done before they are shown.
  for (const id of ['allow', 'deny', 'sync', 'updateLock', 'showEnvironment', 'openManifest']) {
    window.commands.get(`devshell.${id}`)();
    await window.until(() => /no devshell\.toml/.test(window.recorded.messages.pop()?.text));
  }
  const other = await place.open({ folders: [place.ready('web')], trusted: false });
  for (const id of ['allow', 'deny', 'sync', 'updateLock', 'showEnvironment', 'openManifest']) {
    other.commands.get(`devshell.${id}`)();
    await other.until(() => /Restricted Mode/.test(other.recorded.messages.pop()?.text));
  }
  assert.deepEqual(ran(place), []);
});

test('commands still work where direnv is in charge', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  fs.writeFileSync(path.join(folder, '.envrc'), '');
  const window = await place.open({ folders: [folder], extensions: ['mkhl.direnv'] });
  await window.commands.get('devshell.showEnvironment')();
  assert.match(window.recorded.shown[0].text, /node 22\.1\.0/);
  assert.equal(process.env.PATH, '/usr/bin:/bin');
});

test('Even Better TOML is told where the schema lies', async (t) => {
  const place = new Place(t);
  await place.open({});
  const { offerSchema } = require(path.join(FOLDER, 'schema.js'));
  const packageJSON = JSON.parse(fs.readFileSync(path.join(FOLDER, 'package.json'), 'utf8'));
  const extensionPath = place.folder('extension');
  offerSchema({ extensionPath, packageJSON });
  assert.equal(packageJSON.contributes.tomlValidation[0].url, './schema.json');
  fs.writeFileSync(path.join(extensionPath, 'schema.json'), '{}');
  offerSchema({ extensionPath, packageJSON });
  assert.equal(packageJSON.contributes.tomlValidation[0].url, `file://${extensionPath}/schema.json`);
  offerSchema({ extensionPath, packageJSON: Object.freeze({ contributes: Object.freeze({}) }) });
});
