// What is not trusted gets nothing: by devshell's own word, and by VS Code's.

const assert = require('node:assert/strict');
const { until } = require('../wait');
const { hasEnvironment, hasNothing, said, saidNothing } = require('./expect');

const SAY = `printf '%s\\n' "$GREETING" "$PATH"; greet`;

function environment(window) {
  return window.run(() => ({ ...process.env }));
}

async function allow(rig) {
  const { place } = rig;
  const folder = place.folder('new', { 'devshell.toml': place.manifest('1.0', 'welcome') });
  const window = await rig.window({ folder });
  await window.statusSays(/new: not allowed/);
  hasNothing(place, await environment(window));
  saidNothing(place, await window.terminal(SAY));

  await window.palette('devshell: Allow');
  await window.page.locator('.monaco-dialog-box', { hasText: 'Allow new' }).waitFor();
  await window.dialog('Allow');
  await window.statusSays(/new: (not installed|stale)/);
  hasNothing(place, await environment(window));

  await window.palette('devshell: Sync');
  await until('the environment', async () => (await environment(window)).GREETING === 'welcome');
  said(place, await window.terminal(SAY), 'welcome', 'greet 1.0');
  await window.restart(/environment of new changed/i);
  const { first } = await until('other extensions to begin', () => {
    const seen = window.records();
    return seen.first?.activate && seen;
  });
  hasEnvironment(place, first.activate, 'welcome');
}

async function workspaceTrust(rig) {
  const { place } = rig;
  const folder = await place.project('untrusted', { 'devshell.toml': place.manifest('1.0', 'trusted') });
  const server = await rig.server('untrusting', { trusting: false });
  const window = await rig.window({ folder }, { server });
  await window.statusSays(/restricted/);
  assert.equal(await window.run((vscode) => vscode.workspace.isTrusted), false);
  hasNothing(place, await environment(window));

  await window.palette('Workspaces: Manage Workspace Trust');
  await window.page
    .locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ })
    .first()
    .click();
  await until('trust', () => window.run((vscode) => vscode.workspace.isTrusted));
  await until('the environment', async () => (await environment(window)).GREETING === 'trusted');
  said(place, await window.terminal(SAY), 'trusted', 'greet 1.0');
}

module.exports = [
  { name: 'allow', title: 'what is not allowed gets nothing, until Allow and Sync', check: allow },
  {
    name: 'workspace-trust',
    title: 'in Restricted Mode nothing is applied, until the folder is trusted',
    check: workspaceTrust,
  },
];
