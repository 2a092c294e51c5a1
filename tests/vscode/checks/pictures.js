// The pictures of docs/vscode.md.

const { until } = require('../wait');

const MANIFEST = `[tools]
node = "22"
"npm:typescript" = "5"

[env]
API_URL = "http://localhost:8080"

[tasks]
test = "node --test"
`;
/** Less of what has nothing to do with it. */
const SETTINGS = {
  'breadcrumbs.enabled': false,
  'editor.minimap.enabled': false,
  'git.enabled': false,
  'terminal.integrated.tabs.enabled': false,
  'window.menuBarVisibility': 'hidden',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
};

async function pictures(rig) {
  const { place } = rig;
  const folder = place.folder('web', {
    'devshell.toml': MANIFEST,
    'index.ts': "console.log('hello');\n",
    'package.json': '{}\n',
  });
  const file = `${folder}/devshell.toml`;
  const server = await rig.server('pictures', { settings: SETTINGS });
  const window = await rig.window({ folder, file }, { server });
  await window.page.setViewportSize({ width: 900, height: 520 });
  await window.statusSays(/web: not allowed/);
  await window.palette('devshell: Allow');
  await window.page.locator('.monaco-dialog-box', { hasText: 'Allow web' }).waitFor();
  await window.picture('vscode-allow');
  await window.dialog('Allow');
  await window.statusSays(/web: (not installed|stale)/);
  for (const word of ['lock', 'sync']) await place.devshell([word, '--quiet'], { cwd: folder, outside: true });
  await window.ready('web');
  await until('the tools', () => window.run(() => /environment/.test(process.env.PATH)));

  await window.run((vscode) => vscode.commands.executeCommand('notifications.clearAll'));
  await window.palette('View: Close All Editors');
  await window.run(
    async (vscode, { file }) => {
      await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: false });
      await vscode.commands.executeCommand('workbench.action.terminal.new');
    },
    { file },
  );
  await until('a prompt', async () => /\$/.test(await window.screen()));
  await window.page.keyboard.type('node --version; tsc --version; echo $API_URL\n');
  await until('the answer', async () => /Version 5[\s\S]*localhost:8080\s+\$/.test(await window.screen()));
  await window.picture('vscode-terminal');

  await window.tooltip();
  await window.picture('vscode-status', { x: 0, y: 300, width: 450, height: 220 });
  await window.page.mouse.move(450, 100);

  place.write(file, MANIFEST.replace('8080', '9090'));
  for (const word of ['allow', 'sync']) await place.devshell([word, '--quiet'], { cwd: folder, outside: true });
  await until('the question', async () =>
    (await window.pending()).some(({ text }) => /environment of web changed/i.test(text)),
  );
  await window.ready('web');
  await window.picture('vscode-restart');
  await window.restart(/environment of web changed/i);

  await window.ready('web');
  place.write(file, MANIFEST.replace('node = "22"', 'nodee = "22"'));
  await window.statusSays(/web: broken/);
  await window.page.locator('.squiggly-error').first().waitFor();
  await window.palette('Problems: Focus on Problems View');
  await window.page.locator('.markers-panel .monaco-list-row', { hasText: 'nodee' }).first().waitFor();
  await window.picture('vscode-problem');
}

module.exports = [{ name: 'pictures', title: 'the pictures of docs/vscode.md', check: pictures }];
