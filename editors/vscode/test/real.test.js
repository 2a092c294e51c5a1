// With the command devshell itself instead of what stands in for it: that both sides mean the same.

const assert = require('node:assert/strict');
const childProcess = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Place } = require('./place');
const { terminal } = require('./stub');

const COMMAND = process.env.TESTED_DEVSHELL ?? path.join(__dirname, '../../../.venv/bin/devshell');

class RealPlace extends Place {
  constructor(test) {
    super(test);
    this.command = COMMAND;
    const own = (name) => this.folder(name);
    this.setEnvironment({
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: own('home'),
      DEVSHELL_DATA_DIR: own('data'),
      DEVSHELL_STATE_DIR: own('state'),
      DEVSHELL_CACHE_DIR: own('cache'),
      DEVSHELL_CONFIG_DIR: own('config'),
    });
    this.original = { ...process.env };
    this.root = own('web');
    // Where anybody may write, devshell refuses.
    for (const name of ['web', 'home']) fs.chmodSync(own(name), 0o755);
  }

  write(text, name = 'devshell.toml') {
    const file = path.join(this.root, name);
    fs.writeFileSync(`${file}.new`, text, { mode: 0o644 });
    fs.renameSync(`${file}.new`, file);
  }

  devshell(...words) {
    return childProcess.execFileSync(this.command, ['-C', this.root, ...words], {
      env: this.original,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

const MANIFEST = `[env]
GREETING = "hello"
GONE = { unset = true }

[path]
prepend = ["bin"]
`;

function setUp(t) {
  const place = new RealPlace(t);
  process.env.GONE = 'there';
  place.original = { ...process.env };
  place.write(MANIFEST);
  return place;
}

test('a project is followed from not being allowed to being left again', async (t) => {
  const place = setUp(t);
  const before = { ...process.env };
  const window = await place.open({ folders: [place.root] });
  assert.equal(window.statusItem.text, '$(warning) web: not allowed');
  assert.deepEqual({ ...process.env }, before);

  window.answer(/Allow web to act/, 'Allow');
  await window.commands.get('devshell.allow')();
  assert.match(window.recorded.shown[0].text, /GREETING/);
  assert.equal(window.statusItem.text, '$(warning) web: stale');
  assert.deepEqual({ ...process.env }, before);

  await window.commands.get('devshell.sync')();
  assert.equal(window.statusItem.text, '$(package) web', window.recorded.log);
  const bin = path.join(place.root, 'bin');
  assert.equal(process.env.GREETING, 'hello');
  assert.equal('GONE' in process.env, false);
  assert.ok(process.env.PATH.startsWith(`${bin}:`));
  assert.ok(process.env.PATH.endsWith(`:${place.original.PATH}`));

  // The hook of a terminal leaves with what this one was given.
  const inside = terminal(place.original, [window.collection]);
  const text = childProcess.execFileSync(place.command, ['-C', place.box, 'export', 'json', '--full'], { env: inside });
  const { variables } = JSON.parse(text);
  assert.equal(variables.PATH, place.original.PATH);
  assert.equal(variables.GREETING, null);
  assert.equal(variables.GONE, 'there');

  await window.commands.get('devshell.deny')();
  assert.equal(window.statusItem.text, '$(warning) web: denied');
  assert.deepEqual({ ...process.env }, before);
  assert.deepEqual([...window.collection], []);
});

test('a shell in a terminal, with the hook, holds what it was given and leaves it exactly', async (t) => {
  const place = setUp(t);
  makeReady(place);
  const window = await place.open({ folders: [place.root] });
  const inside = terminal(place.original, [window.collection]);
  const script = `
    eval "$('${place.command}' hook bash)"
    printf '%s\\n' "$PATH" "$GREETING" "\${GONE-unset}"
    cd /
    printf '%s\\n' "$PATH" "\${GREETING-unset}" "$GONE" "\${DEVSHELL_ROOT-unset}"
`;
  const said = childProcess.execFileSync('bash', ['--norc', '-i'], {
    cwd: place.root,
    env: inside,
    encoding: 'utf8',
    input: script,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [path1, greeting, , ...left] = said.trim().split('\n');
  assert.ok(inside.PATH.startsWith(path1.slice(0, -place.original.PATH.length)), path1);
  assert.equal(greeting, 'hello');
  assert.deepEqual(left, [place.original.PATH, 'unset', 'there', 'unset']);
});

function makeReady(place) {
  place.devshell('allow');
  place.devshell('sync');
}

test('a start in a project that is ready changes what is there, and the next one nothing', async (t) => {
  const place = setUp(t);
  makeReady(place);
  const window = await place.open({ folders: [place.root] });
  assert.equal(process.env.GREETING, 'hello');
  assert.deepEqual(window.recorded.messages, []);
  const applied = { ...process.env };
  const again = await place.open({ folders: [place.root] });
  assert.deepEqual({ ...process.env }, applied);
  assert.deepEqual(again.recorded.messages, []);
  // What a window that was started inside gives its terminals.
  const inside = terminal(applied, [again.collection], { integration: false });
  assert.equal(inside.PATH, applied.PATH);
});

test('what is typed in a terminal is followed live', async (t) => {
  const place = setUp(t);
  makeReady(place);
  const window = await place.open({ folders: [place.root] });
  place.devshell('deny');
  await window.until(() => window.statusItem.text.includes('denied'));
  assert.equal('GREETING' in process.env, false);
  place.devshell('allow');
  await window.until(() => window.statusItem.text === '$(package) web');
  assert.equal(process.env.GREETING, 'hello');
});

test('a manifest that is edited asks again, and takes effect when it is allowed', async (t) => {
  const place = setUp(t);
  makeReady(place);
  const window = await place.open({ folders: [place.root] });
  place.write(MANIFEST.replace('hello', 'good morning'));
  await window.until(() => window.statusItem.text.includes('changed'));
  assert.equal('GREETING' in process.env, false);
  place.devshell('allow');
  place.devshell('sync');
  await window.until(() => process.env.GREETING === 'good morning');
  assert.equal(window.collection.get('GREETING').value, 'good morning');
});

test('a file that may come to be is waited for', async (t) => {
  const place = setUp(t);
  place.write(`${MANIFEST}\n[dotenv]\nfiles = [".env"]\n`);
  makeReady(place);
  const window = await place.open({ folders: [place.root] });
  assert.equal(process.env.GREETING, 'hello');
  place.write('SECRET=1\n', '.env');
  await window.until(() => window.statusItem.text.includes('changed'));
});

test('a mistake is underlined, also where nothing is allowed yet', async (t) => {
  const place = setUp(t);
  place.write(`${MANIFEST}\n[toolz]\nnode = "22"\n`);
  const window = await place.open({ folders: [place.root] });
  const [diagnostic] = window.diagnostics.get(path.join(place.root, 'devshell.toml'));
  assert.equal(diagnostic.range.start.line, 7);
  assert.match(diagnostic.message, /toolz/);
  place.write(MANIFEST);
  await window.until(() => window.diagnostics.size === 0);
});

test('a folder without a project is none of its business', async (t) => {
  const place = setUp(t);
  const before = { ...process.env };
  const window = await place.open({ folders: [place.folder('notes')] });
  assert.deepEqual({ ...process.env }, before);
  assert.equal(window.statusItem.visible, false);
});
