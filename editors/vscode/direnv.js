// Two extensions that both set the environment would undo each other's work. Where direnv's has something to do, it
// does it, and its `.envrc` asks devshell.

const fs = require('node:fs');
const path = require('node:path');

const EXTENSION = 'mkhl.direnv';

/**
 * Whether direnv's extension works in this folder.
 *
 * @param {string} folder absolute
 * @param {typeof import('vscode').extensions} extensions a disabled extension is not among them
 * @returns {string} the `.envrc` at or above the folder that it reads, or ''
 */
function inCharge(folder, extensions) {
  if (!extensions.getExtension(EXTENSION)) return '';
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, '.envrc');
    if (fs.existsSync(file)) return file;
    if (at === path.dirname(at)) return '';
  }
}

module.exports = { inCharge };
