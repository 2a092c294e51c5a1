const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Place } = require('./place');

const RESTART = 'workbench.action.restartExtensionHost';
const RELOAD = 'workbench.action.reloadWindow';

function executed({ recorded }) {
  return recorded.executed.map(([id]) => id).filter((id) => id.startsWith('workbench.'));
}

test('a change is applied at once to this process and to terminals, and a restart is offered', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web', { variables: { A: '1' } });
  const window = await place.open({ folders: [folder] });
  place.ready('web', { path: ['/store/new/bin'], variables: { B: '2' } });
  await window.until(() => window.recorded.messages.length > 0);
  assert.equal(process.env.PATH, '/store/new/bin:/usr/bin:/bin');
  assert.equal('A' in process.env, false);
  assert.equal(process.env.B, '2');
  assert.equal(window.collection.get('A'), undefined);
  assert.equal(window.collection.get('PATH').value, '/store/new/bin:');
  assert.equal(window.collection.get('B').value, '2');
  const [{ text, buttons }] = window.recorded.messages;
  assert.equal(text, 'The environment of web changed. Restart extensions?');
  assert.deepEqual(buttons, ['Restart']);
  assert.deepEqual(executed(window), []);
});

test('what was in the environment before, and what others have put there since, stays', async (t) => {
  const place = new Place(t);
  process.env.A = 'of the user';
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  process.env.PATH = `/by/another/extension:${process.env.PATH}`;
  process.env.OTHER = 'theirs';
  place.ready('web', { state: 'denied' });
  await window.until(() => window.recorded.messages.length > 0);
  assert.equal(process.env.PATH, '/by/another/extension:/usr/bin:/bin');
  assert.equal(process.env.OTHER, 'theirs');
  assert.equal(process.env.A, 'of the user');
  assert.deepEqual(
    Object.keys(process.env).filter((name) => name.startsWith('DEVSHELL_')),
    [],
  );
  assert.deepEqual([...window.collection], []);
});

test('a question about a change is asked with what was applied, so that leaving is known in one place', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  place.ready('web', { variables: { A: '2' } });
  await window.until(() => window.recorded.messages.length > 0);
  const roots = place.questions.map(({ env }) => env.DEVSHELL_ROOT ?? 'none');
  assert.deepEqual(roots, ['none', 'none', path.join(place.box, 'web')]);
});

test('what a sync that ends between the two questions brings is not in this process before it is in terminals', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web', { variables: { A: '1' } });
  const window = await place.open({ folders: [folder] });
  const ready = JSON.stringify({ state: 'ready', path: ['/store/web/bin'], tools: {}, variables: { A: '2' } });
  // The second question is the one with the marks of what was applied.
  place.behave(
    `if (process.env.DEVSHELL_ROOT) require('fs').writeFileSync('${folder}/devshell.toml', ${JSON.stringify(ready)})`,
  );
  place.project('web', { state: 'stale', keep: true });
  await window.until(() => process.env.A === '2');
  assert.equal(window.collection.get('A').value, '2');
});

test('where nothing changes, nobody is asked to restart anything', async (t) => {
  const place = new Place(t);
  const said = { variables: { A: '1' } };
  const window = await place.open({ folders: [place.ready('web', said)] });
  const before = { ...process.env };
  place.ready('web', { ...said, tools: { node: '22.2.0' } });
  await window.until(() => window.statusItem.tooltip.value.includes('22.2.0'));
  assert.deepEqual(window.recorded.messages, []);
  assert.deepEqual({ ...process.env }, before);
});

test('the restart that was asked for is one of the extension host', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  window.answer(/Restart extensions/, 'Restart');
  place.ready('web', { variables: { A: '1' } });
  await window.until(() => executed(window).length > 0);
  assert.deepEqual(executed(window), [RESTART]);
});

test('on a remote it is the window that is loaded again', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')], remoteName: 'ssh-remote' });
  window.answer(/Restart extensions/, 'Restart');
  place.ready('web', { variables: { A: '1' } });
  await window.until(() => executed(window).length > 0);
  assert.deepEqual(executed(window), [RELOAD]);
});

test('who wants restarts without a question has them', async (t) => {
  const place = new Place(t);
  const settings = { 'devshell.restartExtensions': 'automatic' };
  const window = await place.open({ folders: [place.ready('web')], settings });
  place.ready('web', { variables: { A: '1' } });
  await window.until(() => executed(window).length > 0);
  assert.deepEqual(executed(window), [RESTART]);
  assert.deepEqual(window.recorded.messages, []);
});

test('who wants none is not asked', async (t) => {
  const place = new Place(t);
  const settings = { 'devshell.restartExtensions': 'never' };
  const window = await place.open({ folders: [place.ready('web')], settings });
  place.ready('web', { variables: { A: '1' } });
  await window.until(() => process.env.A === '1');
  assert.deepEqual(window.recorded.messages, []);
  assert.deepEqual(executed(window), []);
});

test('while one question is open, a second change does not ask again', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  place.ready('web', { variables: { A: '1' } });
  await window.until(() => window.recorded.messages.length === 1);
  place.ready('web', { variables: { A: '2' } });
  await window.until(() => process.env.A === '2');
  assert.equal(window.recorded.messages.length, 1);
});

test('what is active stays while its project only waits for tools', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  const before = { ...process.env };
  const changes = window.collection.changes;
  const stale = { state: 'stale', keep: true, message: 'the lock asks for other tools', command: 'sync' };
  place.project('web', stale);
  await window.until(() => window.statusItem.text.includes('stale'));
  assert.deepEqual({ ...process.env }, before);
  assert.equal(window.collection.changes, changes);
  assert.equal(window.collection.get('A').value, '1');
});

test('a command that gives no answer any more takes nothing away', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  place.behave('process.exit(1)');
  place.ready('web', { variables: { A: '2' } });
  await window.until(() => window.statusItem.text.includes('no answer'));
  assert.equal(process.env.A, '1');
  assert.equal(window.collection.get('A').value, '1');
});

test('a project that comes to be in the open folder is followed', async (t) => {
  const place = new Place(t);
  const folder = place.folder('web');
  const window = await place.open({ folders: [folder] });
  assert.equal(window.statusItem.visible, false);
  place.ready('web');
  await window.until(() => window.statusItem.visible);
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test('what no event told of is found when the window is looked at again', async (t) => {
  // As on some network file systems.
  t.mock.method(fs, 'watch', () => ({ close() {}, on() {} }));
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  place.ready('web', { variables: { A: '1' } });
  window.focus();
  await window.until(() => process.env.A === '1');
});

test('a project that goes is left', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  fs.rmSync(path.join(place.box, 'web/devshell.toml'));
  await window.until(() => !window.statusItem.visible);
  assert.equal(process.env.PATH, '/usr/bin:/bin');
  assert.equal('A' in process.env, false);
  assert.deepEqual([...window.collection], []);
});

test('of many wishes at a time only one more than the running one is asked', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  const window = await place.open({ folders: [folder] });
  const { Following } = require(path.join(path.dirname(__dirname), 'following.js'));
  const following = new Following(window.context, () => {});
  t.after(() => following.dispose());
  const before = place.questions.length;
  await Promise.all(Array.from({ length: 20 }, () => following.refresh()));
  // For terminals and for this process, and both once more.
  assert.ok(place.questions.length - before <= 4, `${place.questions.length - before} questions`);
});

test('after the window is closed nothing is asked any more', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  const window = await place.open({ folders: [folder] });
  place.close(window);
  const asked = place.questions.length;
  place.ready('web', { variables: { A: '1' } });
  // Another window, which sees the change that this one must not see.
  const other = await place.open({ folders: [folder] });
  place.ready('web', { variables: { A: '2' } });
  await other.until(() => process.env.A === '2');
  assert.equal(place.questions.length, asked + 3);
  assert.equal(window.statusItem.disposed, true);
});

test('each folder has its own environment in terminals, and the first project that of extensions', async (t) => {
  const place = new Place(t);
  const folders = [place.folder('notes'), place.ready('web', { variables: { A: 'web' } }), place.ready('api')];
  const window = await place.open({ folders });
  assert.deepEqual([...window.collection], []);
  assert.deepEqual([...window.scoped(folders[0])], []);
  assert.equal(window.scoped(folders[1]).get('PATH').value, '/store/web/bin:');
  assert.equal(window.scoped(folders[1]).get('A').value, 'web');
  assert.equal(window.scoped(folders[2]).get('PATH').value, '/store/api/bin:');
  assert.equal(window.scoped(folders[2]).get('A'), undefined);
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.deepEqual(window.recorded.messages, []);
});

test('a change in a folder that does not lead reaches its terminals and restarts nothing', async (t) => {
  const place = new Place(t);
  const folders = [place.ready('web'), place.ready('api')];
  const window = await place.open({ folders });
  const before = { ...process.env };
  place.ready('api', { path: ['/store/new/bin'] });
  await window.until(() => window.scoped(folders[1]).get('PATH').value === '/store/new/bin:');
  assert.deepEqual({ ...process.env }, before);
  assert.deepEqual(window.recorded.messages, []);
});

test('a folder that is added has its own, and one that is removed has nothing left', async (t) => {
  const place = new Place(t);
  const [web, api] = [place.ready('web'), place.ready('api')];
  const window = await place.open({ folders: [web] });
  assert.equal(window.collection.get('PATH').value, '/store/web/bin:');
  window.setFolders([web, api]);
  await window.until(() => window.scoped(api).get('PATH') !== undefined);
  assert.deepEqual([...window.collection], []);
  assert.equal(window.scoped(web).get('PATH').value, '/store/web/bin:');
  window.setFolders([web]);
  await window.until(() => window.collection.get('PATH') !== undefined);
  assert.deepEqual([...window.scoped(web)], []);
  assert.deepEqual([...window.scoped(api)], []);
});

test("where direnv's extension has an .envrc to load, nothing is asked or applied, and that is said", async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  fs.writeFileSync(path.join(place.box, '.envrc'), '');
  const before = { ...process.env };
  const window = await place.open({ folders: [folder], extensions: ['mkhl.direnv'] });
  assert.deepEqual(place.calls, []);
  assert.deepEqual({ ...process.env }, before);
  assert.deepEqual([...window.collection], []);
  assert.match(window.statusItem.text, /direnv is in charge/);
  assert.equal(window.recorded.log.match(/direnv is in charge/g).length, 1);
});

test("direnv's extension with nothing to load here does not keep devshell away", async (t) => {
  const place = new Place(t);
  await place.open({ folders: [place.ready('web')], extensions: ['mkhl.direnv'] });
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test("an .envrc alone, without direnv's extension, does not either", async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  fs.writeFileSync(path.join(folder, '.envrc'), '');
  await place.open({ folders: [folder] });
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test("direnv's extension being disabled is followed", async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  fs.writeFileSync(path.join(folder, '.envrc'), '');
  const window = await place.open({ folders: [folder], extensions: ['mkhl.direnv'] });
  window.extensions.length = 0;
  window.changeExtensions();
  await window.until(() => window.statusItem.text === '$(package) web');
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test('where direnv is in charge of the first folder, extensions have what direnv gives them', async (t) => {
  const place = new Place(t);
  const [web, api] = [place.ready('web'), place.ready('api')];
  fs.writeFileSync(path.join(web, '.envrc'), '');
  const window = await place.open({ folders: [web, api], extensions: ['mkhl.direnv'] });
  assert.equal(process.env.PATH, '/usr/bin:/bin');
  assert.deepEqual([...window.scoped(web)], []);
  assert.equal(window.scoped(api).get('PATH').value, '/store/api/bin:');
});
