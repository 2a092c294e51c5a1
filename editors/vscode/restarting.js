// Extensions that run already have taken what they wanted from the environment before it changed.

const vscode = require('vscode');
const { plain } = require('./plain');

const RESTART = 'Restart';

/** Starts all extensions anew. On a remote that takes the whole window. */
async function restartExtensions() {
  const remote = vscode.env.remoteName !== undefined;
  await vscode.commands.executeCommand(
    remote ? 'workbench.action.reloadWindow' : 'workbench.action.restartExtensionHost',
  );
}

class Restarting {
  #subscription;
  #asking = false;

  /** @param {import('./following').Following} following */
  constructor(following) {
    this.#subscription = following.onDidDiffer((change) => this.#offer(change));
  }

  dispose() {
    this.#subscription.dispose();
  }

  async #offer({ name, late }) {
    const wish = vscode.workspace.getConfiguration('devshell').get('restartExtensions', 'ask');
    if (wish === 'never' || this.#asking) return;
    // Where the start had no answer in time, the next one may have none either: that could go on for ever.
    if (wish === 'automatic' && !late) {
      await restartExtensions();
      return;
    }
    this.#asking = true;
    try {
      const whose = name ? `The environment of ${plain(name, 60)}` : 'The environment';
      const choice = await vscode.window.showInformationMessage(`${whose} changed. Restart extensions?`, RESTART);
      if (choice === RESTART) await restartExtensions();
    } finally {
      this.#asking = false;
    }
  }
}

module.exports = { Restarting, restartExtensions };
