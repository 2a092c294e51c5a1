const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Place } = require('./place');
const { FOLDER } = require('./stub');
const { find } = require(path.join(FOLDER, 'devshell.js'));

function setUp(t) {
  const place = new Place(t);
  const beside = place.folder('extension');
  const program = (name) => {
    place.program(path.join(place.box, name), '');
    return path.join(place.box, name);
  };
  const found = ({ setting = '', PATH = '', HOME = place.folder('home'), workspace = [] } = {}) =>
    find({ setting, env: { PATH, HOME }, workspace, beside });
  const launcher = (text) => fs.writeFileSync(path.join(beside, 'launcher.json'), text);
  return { place, program, found, launcher };
}

test("the user's own word comes first", (t) => {
  const { place, program, found, launcher } = setUp(t);
  const named = program('named/devshell');
  launcher(JSON.stringify({ command: program('installed/devshell') }));
  assert.equal(found({ setting: named }), named);
  assert.equal(found({ setting: '~/devshell', HOME: path.join(place.box, 'named') }), named);
});

test('a word that leads nowhere is an error and no reason to take another command', (t) => {
  const { place, program, found } = setUp(t);
  program('path/devshell');
  const PATH = path.join(place.box, 'path');
  for (const setting of [path.join(place.box, 'gone'), 'devshell', PATH]) {
    assert.throws(() => found({ setting, PATH }), { kind: 'missing', message: /devshell\.executable/ });
  }
});

test('the command that installed the extension comes next', (t) => {
  const { place, program, found, launcher } = setUp(t);
  const installed = program('installed/devshell');
  program('path/devshell');
  launcher(JSON.stringify({ command: installed }));
  assert.equal(found({ PATH: path.join(place.box, 'path') }), installed);
});

test('one that is gone, or that a broken note names, is passed over', (t) => {
  const { place, program, found, launcher } = setUp(t);
  const onPath = program('path/devshell');
  const PATH = path.join(place.box, 'path');
  for (const text of ['{"command": "/gone/devshell"}', '{"command": "devshell"}', '{"command": 1}', 'null', '{']) {
    launcher(text);
    assert.equal(found({ PATH }), onPath);
  }
});

test('on PATH nothing counts that is relative or in a folder of the workspace', (t) => {
  const { place, program, found } = setUp(t);
  program('web/bin/devshell');
  const onPath = program('path/devshell');
  fs.symlinkSync(path.join(place.box, 'web'), path.join(place.box, 'alias'));
  const outside = place.folder('outside');
  fs.symlinkSync(path.join(place.box, 'web/bin/devshell'), path.join(outside, 'devshell'));
  const folders = ['web/bin', 'alias/bin', 'outside', 'path'].map((name) => path.join(place.box, name));
  const PATH = ['', '.', 'bin', '..', ...folders].join(':');
  process.chdir(path.join(place.box, 'web'));
  t.after(() => process.chdir('/'));
  assert.equal(found({ PATH, workspace: [path.join(place.box, 'web')] }), onPath);
  assert.equal(found({ PATH, workspace: [path.join(place.box, 'alias')] }), onPath);
});

test('on PATH nothing counts that hangs on where the editor was started', (t) => {
  const { place, program, found } = setUp(t);
  program('elsewhere/bin/devshell');
  program('elsewhere/devshell');
  const usual = program('home/.local/bin/devshell');
  process.chdir(path.join(place.box, 'elsewhere'));
  t.after(() => process.chdir('/'));
  assert.equal(found({ PATH: ':bin:./bin:.:' }), usual);
});

test('a file that is no program is passed over', (t) => {
  const { place, program, found } = setUp(t);
  fs.mkdirSync(path.join(place.folder('one'), 'devshell'));
  fs.writeFileSync(path.join(place.folder('two'), 'devshell'), '', { mode: 0o644 });
  const third = program('three/devshell');
  assert.equal(found({ PATH: ['one', 'two', 'three'].map((name) => path.join(place.box, name)).join(':') }), third);
});

test('where PATH is short, as in an editor started from a menu, the usual folder is looked at', (t) => {
  const { program, found } = setUp(t);
  const usual = program('home/.local/bin/devshell');
  assert.equal(found(), usual);
});

test('a command that is nowhere is said in the status bar of a project, and how to mend it', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  const settings = { 'devshell.executable': '/gone/devshell' };
  const window = await place.open({ folders: [folder], settings });
  assert.match(window.statusItem.text, /command not found/);
  window.pick('Name the Command');
  await window.commands.get('devshell.menu')();
  assert.deepEqual(window.recorded.executed.at(-1), ['workbench.action.openSettings', 'devshell.executable']);

  window.configure('devshell.executable', place.command);
  await window.until(() => window.statusItem.text === '$(package) web');
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test("a command that is nowhere is nobody's trouble in a folder without a project", async (t) => {
  const place = new Place(t);
  const settings = { 'devshell.executable': '/gone/devshell' };
  const window = await place.open({ folders: [place.folder('notes')], settings });
  assert.equal(window.statusItem.visible, false);
  assert.deepEqual(window.recorded.messages, []);
});
