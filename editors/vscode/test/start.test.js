const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Place } = require('./place');
const { FOLDER } = require('./stub');

function load(window) {
  window.extension = require(path.join(FOLDER, 'extension.js'));
}

test('the environment is there as soon as the module is loaded, before anything is activated', (t) => {
  const place = new Place(t);
  const folder = place.ready('web', { variables: { DATABASE_URL: 'db', LANG: null } });
  process.env.LANG = 'C';
  load(place.window({ folders: [folder] }));
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(process.env.DATABASE_URL, 'db');
  assert.equal('LANG' in process.env, false);
  assert.equal(process.env.DEVSHELL_ROOT, folder);
});

test('loading and activating asks once, and says nothing', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  assert.equal(place.calls.length, 1);
  assert.deepEqual(window.recorded.messages, []);
});

test('the question is asked with the environment as it is, from a folder that is always there', (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  process.env.GIVEN = 'by the user';
  load(place.window({ folders: [folder] }));
  const [{ env, cwd, folder: asked }] = place.calls;
  assert.equal(env.GIVEN, 'by the user');
  assert.equal(env.TERM, undefined);
  assert.equal(cwd, '/');
  assert.equal(asked, folder);
});

test('a second start in the environment of the first one changes nothing', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web', { variables: { A: '1' } });
  await place.open({ folders: [folder] });
  const before = { ...process.env };
  const window = await place.open({ folders: [folder] });
  assert.deepEqual({ ...process.env }, before);
  assert.deepEqual(window.recorded.messages, []);
});

test('the first folder with a project gives the environment of the extensions', (t) => {
  const place = new Place(t);
  load(place.window({ folders: [place.folder('notes'), place.ready('web'), place.ready('api')] }));
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(place.calls.length, 2);
});

test('with several folders each is asked for once', async (t) => {
  const place = new Place(t);
  const folders = [place.folder('notes'), place.ready('web'), place.ready('api')];
  await place.open({ folders });
  assert.deepEqual(
    place.calls.map(({ folder }) => folder),
    folders,
  );
});

for (const state of ['not allowed', 'denied', 'changed', 'not installed', 'stale', 'broken']) {
  test(`nothing is applied of a project that is ${state}`, async (t) => {
    const place = new Place(t);
    const before = { ...process.env };
    const folder = place.ready('web', { state, variables: { A: '1' } });
    const window = await place.open({ folders: [folder] });
    assert.deepEqual({ ...process.env }, before);
    assert.deepEqual([...window.collection], []);
  });
}

test('in Restricted Mode nothing is asked and nothing applied', async (t) => {
  const place = new Place(t);
  const before = { ...process.env };
  const window = await place.open({ folders: [place.ready('web')], trusted: false });
  window.setFolders([place.ready('web'), place.ready('api')]);
  window.configure('devshell.executable', place.command);
  window.focus();
  assert.deepEqual(place.calls, []);
  assert.deepEqual({ ...process.env }, before);
  assert.deepEqual([...window.collection], []);
});

test('trust is followed at once, before the event is over', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')], trusted: false });
  window.trust();
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(window.collection.get('DEVSHELL_ROOT').value, path.join(place.box, 'web'));
  assert.deepEqual(window.recorded.messages, []);
  assert.equal(place.calls.length, 1);
});

const TROUBLES = {
  'ends with an error': "process.stderr.write('devshell: error: out of order\\n  hint: wait\\n'); process.exit(1)",
  'says something else': "process.stdout.write('{}'); process.exit(0)",
  'answers in a later format': `
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (text) => write(JSON.stringify({ ...JSON.parse(text), format: 2 }));`,
  'is killed': "process.kill(process.pid, 'SIGKILL')",
};
for (const [trouble, behaviour] of Object.entries(TROUBLES)) {
  test(`a command that ${trouble} stops nothing, and is said in the status bar`, async (t) => {
    const place = new Place(t);
    const folder = place.ready('web');
    place.behave(behaviour);
    const window = await place.open({ folders: [folder] });
    assert.equal(process.env.PATH, '/usr/bin:/bin');
    assert.match(window.statusItem.text, /devshell: no answer/);
    assert.equal(window.statusItem.visible, true);
    assert.ok(window.statusItem.tooltip.value.length > 40);
  });
}

test('what the command says about its trouble is what is shown', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  place.behave(TROUBLES['ends with an error']);
  const window = await place.open({ folders: [folder] });
  assert.match(window.statusItem.tooltip.value, /out of order/);
});

test('a command that does not answer in time is given up, and asked again while nobody waits', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  // As on a disk that is waking up.
  place.behave('for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);');
  const window = place.window({ folders: [folder] });
  const devshell = require(path.join(FOLDER, 'devshell.js'));
  const { askNow } = devshell;
  devshell.askNow = (command, at, env) => askNow(command, at, env, 300);
  load(window);
  assert.equal(process.env.PATH, '/usr/bin:/bin');
  place.behave('');
  await place.activate(window);
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  // Now other extensions may have started without it.
  assert.match(window.recorded.messages[0].text, /The environment of web changed/);
});

test('an answer that was late never restarts extensions by itself, which could go on for ever', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  place.behave(`
    const fs = require('node:fs');
    try { fs.mkdirSync(${JSON.stringify(path.join(place.box, 'failed'))}); } catch { return; }
    process.exit(1);`);
  const window = await place.open({ folders: [folder], settings: { 'devshell.restartExtensions': 'automatic' } });
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(window.recorded.messages.length, 1);
  assert.equal(
    window.recorded.executed.some(([id]) => id.startsWith('workbench.')),
    false,
  );
});

test('a window without a folder is left alone', async (t) => {
  const place = new Place(t);
  const window = await place.open({});
  assert.deepEqual(place.calls, []);
  assert.equal(window.statusItem.visible, false);
});

test('only what is needed to apply is loaded before that is done', (t) => {
  const place = new Place(t);
  load(place.window({ folders: [place.ready('web')] }));
  const loaded = Object.keys(require.cache).filter((file) => path.dirname(file) === FOLDER);
  assert.deepEqual(loaded.map((file) => path.basename(file)).sort(), [
    'devshell.js',
    'direnv.js',
    'environment.js',
    'extension.js',
    'start.js',
  ]);
});

test('all modules are reached from the extension', async (t) => {
  const place = new Place(t);
  await place.open({ folders: [place.ready('web')] });
  const loaded = Object.keys(require.cache).filter((file) => path.dirname(file) === FOLDER);
  const there = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.js'));
  assert.deepEqual(loaded.map((file) => path.basename(file)).sort(), there.sort());
});
