// Before any other extension begins, this process gets the environment of the project: whatever they start has it too.
// So it happens here, while this module is loaded, and not in `activate`, for which nobody waits.

const { start } = require('./start');

const begun = start();

/**
 * @param {import('vscode').ExtensionContext} context
 * @returns {{settled: Promise<void>}} done when all folders were asked for. Not that promise itself: VS Code would let
 *   other extensions wait for it.
 */
function activate(context) {
  return { settled: require('./session').begin(context, begun) };
}

module.exports = { activate };
