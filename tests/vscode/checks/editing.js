// The manifest in the editor.

const assert = require('node:assert/strict');
const { until } = require('../wait');

function problems(window, file) {
  return window.run(
    (vscode, { file }) =>
      vscode.languages
        .getDiagnostics(vscode.Uri.file(file))
        .filter(({ source }) => source === 'devshell')
        .map(({ message, range }) => ({ message, line: range.start.line + 1 })),
    { file },
  );
}

async function underlined(rig) {
  const { place } = rig;
  const good = place.manifest('1.0', 'well');
  const folder = await place.project('edited', { 'devshell.toml': good });
  const file = `${folder}/devshell.toml`;
  const window = await rig.window({ folder, file });
  await window.ready('edited');
  assert.deepEqual(await problems(window, file), []);

  place.write(file, good.replace('[env]', 'nodee = "22"\n\n[env]'));
  const [{ message, line }] = await until('a problem', async () => {
    const found = await problems(window, file);
    return found.length > 0 && found;
  });
  assert.equal(line, good.split('\n').indexOf('[env]') + 1);
  assert.match(message, /nodee/);
  await window.page.locator('.squiggly-error, .squiggly-warning').first().waitFor();

  place.write(file, good);
  await until('no problem', async () => (await problems(window, file)).length === 0);
  await window.ready('edited');
}

module.exports = [
  { name: 'problems', title: 'what is wrong in devshell.toml is underlined at its line', check: underlined },
];
