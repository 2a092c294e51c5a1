const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { Place } = require('./place');
const { FOLDER } = require('./stub');

test('a project that is entered is shown with its tools', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web', { tools: { node: '22.11.0', biome: '2.1' } });
  const window = await place.open({ folders: [folder] });
  assert.equal(window.statusItem.text, '$(package) web');
  assert.equal(window.statusItem.command, 'devshell.menu');
  assert.equal(window.statusItem.backgroundColor, undefined);
  const { value } = window.statusItem.tooltip;
  assert.ok(value.indexOf('biome 2.1') > 0 && value.indexOf('node 22.11.0') > value.indexOf('biome 2.1'), value);
  // What is read out is no Markdown.
  const said = `web. web: ${folder}. biome 2.1, node 22.11.0`;
  assert.equal(window.statusItem.accessibilityInformation.label, said);
});

for (const state of ['not allowed', 'changed', 'not installed', 'stale', 'broken', 'denied']) {
  test(`a project that is ${state} is shown with what to do`, async (t) => {
    const place = new Place(t);
    const folder = place.project('web', { state, message: 'Because of this.', command: 'sync' });
    const window = await place.open({ folders: [folder] });
    assert.equal(window.statusItem.text, `$(warning) web: ${state}`);
    assert.match(window.statusItem.tooltip.value, /Because of this/);
    assert.match(window.statusItem.tooltip.value, /devshell sync/);
    const calm = state === 'denied';
    assert.equal(window.statusItem.backgroundColor?.id, calm ? undefined : 'statusBarItem.warningBackground');
  });
}

test('a folder without a project shows nothing', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.folder('notes')] });
  assert.equal(window.statusItem.visible, false);
});

test('Restricted Mode is shown where there is a manifest, and leads to trust', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')], trusted: false });
  assert.match(window.statusItem.text, /restricted/);
  await window.commands.get('devshell.menu')();
  assert.deepEqual(window.recorded.executed.at(-1), ['workbench.trust.manage']);
  const other = await place.open({ folders: [place.folder('notes')], trusted: false });
  assert.equal(other.statusItem.visible, false);
});

test('the item follows the active editor from folder to folder', async (t) => {
  const place = new Place(t);
  const [web, api, notes] = [place.ready('web'), place.project('api', { state: 'denied' }), place.folder('notes')];
  const window = await place.open({ folders: [notes, web, api] });
  assert.equal(window.statusItem.text, '$(package) web');
  window.open(path.join(api, 'main.js'));
  assert.equal(window.statusItem.text, '$(warning) api: denied');
  window.open(path.join(notes, 'today.md'));
  assert.equal(window.statusItem.visible, false);
  window.open(path.join(web, 'main.js'));
  assert.equal(window.statusItem.text, '$(package) web');
  window.open('/elsewhere/x');
  assert.equal(window.statusItem.text, '$(package) web');
});

test('what a project calls itself is only text', async (t) => {
  const place = new Place(t);
  const evil = '$(check) [Allow](command:devshell.allow)<img src=x>';
  const said = { state: 'broken', name: evil, message: evil, command: evil };
  const window = await place.open({ folders: [place.project('web', said)] });
  const { text, tooltip } = window.statusItem;
  assert.equal(text.match(/\$\(/g).length, 1);
  assert.ok(!tooltip.isTrusted && !tooltip.supportHtml && !tooltip.supportThemeIcons);
  assert.doesNotMatch(tooltip.value, /\]\(/);
  await window.commands.get('devshell.menu')();
  const [{ title, placeHolder }] = window.recorded.picks;
  assert.doesNotMatch(`${title}${placeHolder}`, /\$\(/);
});

test('a tool with an odd version is only text as well', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { tools: { node: '[1](command:x)' } })] });
  assert.doesNotMatch(window.statusItem.tooltip.value, /\]\(/);
});

const PROBLEM = { line: 3, key: 'tools.nod', message: 'There is no tool nod.', hint: 'Is it node?' };

test('a problem is underlined at its line until it is mended', async (t) => {
  const place = new Place(t);
  const file = path.join(place.box, 'web/devshell.toml');
  const folder = place.project('web', { state: 'broken', problems: [{ ...PROBLEM, file }] });
  const window = await place.open({ folders: [folder] });
  const [diagnostic] = window.diagnostics.get(file);
  assert.equal(diagnostic.range.start.line, 2);
  assert.equal(diagnostic.range.start.character, 0);
  assert.equal(diagnostic.range.end.line, 2);
  assert.ok(diagnostic.range.end.character > 120);
  assert.equal(diagnostic.message, 'There is no tool nod.\nIs it node?');
  assert.equal(diagnostic.source, 'devshell');
  assert.equal(diagnostic.code, 'tools.nod');
  assert.equal(diagnostic.severity, 0);
  place.ready('web');
  await window.until(() => window.diagnostics.size === 0);
});

test('a problem of a project that is not allowed is shown as well, and one without a line at the top', async (t) => {
  const place = new Place(t);
  const file = path.join(place.box, 'web/devshell.toml');
  const problem = { file, line: null, key: '', message: 'It cannot be read.', hint: '' };
  const window = await place.open({ folders: [place.project('web', { state: 'not allowed', problems: [problem] })] });
  const [diagnostic] = window.diagnostics.get(file);
  assert.equal(diagnostic.range.start.line, 0);
  assert.equal(diagnostic.message, 'It cannot be read.');
  assert.equal(diagnostic.code, undefined);
});

test('a problem that two folders share is shown once, and several at their own lines', async (t) => {
  const place = new Place(t);
  const file = path.join(place.box, 'web/devshell.toml');
  const problems = [
    { ...PROBLEM, file },
    { ...PROBLEM, file, line: 7, key: 'tools.pyton' },
  ];
  const root = place.project('web', { state: 'broken', problems });
  const window = await place.open({ folders: [root, place.folder('web/src')] });
  assert.deepEqual(
    window.diagnostics.get(file).map(({ range }) => range.start.line),
    [2, 6],
  );
});

test('a project that waits is said once, not at every start', async (t) => {
  const place = new Place(t);
  const folder = place.project('web', { state: 'not allowed' });
  const window = await place.open({ folders: [folder] });
  assert.equal(window.recorded.messages.length, 1);
  assert.equal(window.recorded.messages[0].text, 'web is not allowed to act yet.');
  assert.deepEqual(window.recorded.messages[0].buttons, ['Look and Allow']);
  place.close(window);
  const again = await place.open({ folders: [folder], memory: window.memory });
  assert.deepEqual(again.recorded.messages, []);
});

/** Says what waits without waiting to see whether it stays so. */
function hurry() {
  require(path.join(FOLDER, 'offers.js')).Offers.patience = 0;
}

test('a project that waits once more is said once more', async (t) => {
  const place = new Place(t);
  const folder = place.project('web', { state: 'changed' });
  const window = await place.open({ folders: [folder] });
  hurry();
  assert.match(window.recorded.messages[0].text, /has changed since/);
  place.project('web', { state: 'denied' });
  await window.until(() => window.statusItem.text.includes('denied'));
  place.project('web', { state: 'changed' });
  await window.until(() => window.recorded.messages.length === 2);
  assert.match(window.recorded.messages[1].text, /has changed since/);
});

test('what passes by while somebody is at work in a terminal is not said', async (t) => {
  const place = new Place(t);
  const folder = place.project('web', { state: 'denied' });
  const window = await place.open({ folders: [folder] });
  hurry();
  for (const state of ['stale', 'not installed']) {
    place.project('web', { state });
    await window.until(() => window.statusItem.text.includes(state));
  }
  place.project('web', { state: 'changed' });
  await window.until(() => window.recorded.messages.length > 0);
  assert.match(window.recorded.messages[0].text, /has changed since/);
  // Still not installed at the next start: now it is said.
  place.close(window);
  place.project('web', { state: 'not installed' });
  const again = await place.open({ folders: [folder], memory: window.memory });
  assert.match(again.recorded.messages[0].text, /not installed/);
});

test('a notification that is answered when all is done already does nothing', async (t) => {
  const place = new Place(t);
  const folder = place.project('web', { state: 'not installed' });
  const window = place.window({ folders: [folder] });
  window.answer(/not installed/, 'Sync', async () => {
    place.project('web', { state: 'denied' });
    await window.until(() => window.statusItem.text?.includes('denied'));
  });
  window.extension = require(path.join(FOLDER, 'extension.js'));
  await place.activate(window);
  await window.until(() => window.statusItem.text?.includes('denied'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    window.recorded.executed.some(([id]) => id === 'devshell.sync'),
    false,
  );
});

test('a project that was denied is left in peace', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.project('web', { state: 'denied' })] });
  assert.deepEqual(window.recorded.messages, []);
});

test('a name in a question is only text', async (t) => {
  const place = new Place(t);
  const said = { state: 'not allowed', name: '[Look](command:devshell.allow)' };
  const window = await place.open({ folders: [place.project('web', said)] });
  assert.doesNotMatch(window.recorded.messages[0].text, /\]\(/);
});
