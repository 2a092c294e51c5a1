// Completion and checks in devshell.toml by the extension Even Better TOML. It takes a schema's address from the
// package.json of other extensions, as VS Code has it in memory, and as a whole URL only: where this extension lies is
// known here, and not where package.json is written.

const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');

/** @param {import('vscode').Extension<unknown>} extension this one */
function offerSchema(extension) {
  const file = path.join(extension.extensionPath, 'schema.json');
  const rules = extension.packageJSON.contributes?.tomlValidation ?? [];
  if (!fs.existsSync(file)) return;
  for (const rule of rules) {
    try {
      rule.url = vscode.Uri.file(file).toString();
    } catch {
      // Not to be changed in this release of VS Code: devshell's own check of the file remains.
    }
  }
}

module.exports = { offerSchema };
