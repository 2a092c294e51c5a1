// What lasts as long as the window: following the projects, and showing what is known of them.

const vscode = require('vscode');
const { registerCommands } = require('./commands');
const { Documents } = require('./documents');
const { Following } = require('./following');
const { Offers } = require('./offers');
const { Problems } = require('./problems');
const { Restarting } = require('./restarting');
const { offerSchema } = require('./schema');
const { stopAll } = require('./running');
const { start } = require('./start');
const { Status } = require('./status');

/**
 * @param {import('vscode').ExtensionContext} context
 * @param {import('./following').Place[]} places what the start found out
 * @returns {Promise<void>} when all is known of all folders
 */
function begin(context, places) {
  const output = vscode.window.createOutputChannel('devshell');
  const following = new Following(context, (line) => output.appendLine(line));
  const restarting = new Restarting(following);
  const documents = new Documents();
  const status = new Status(following);
  const problems = new Problems(following);
  const offers = new Offers(following, context.workspaceState);
  context.subscriptions.push(
    output,
    documents,
    status,
    problems,
    offers,
    restarting,
    following,
    { dispose: stopAll },
    ...registerCommands({ following, documents, offers, output }),
    // Before it returns: the extensions that waited for this trust begin next.
    vscode.workspace.onDidGrantWorkspaceTrust(() => following.begin(start())),
    vscode.workspace.onDidChangeWorkspaceFolders(() => following.refresh()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('devshell.executable')) following.refresh();
    }),
    vscode.extensions.onDidChange(() => following.refresh()),
    vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) following.check();
    }),
  );
  offerSchema(context.extension);
  return following.begin(places);
}

module.exports = { begin };
