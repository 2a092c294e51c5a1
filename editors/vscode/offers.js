// Says once that a project waits for the user, and offers what to do. Never again for the same state: who has seen it
// finds it in the status bar.

const vscode = require('vscode');
const { plain } = require('./plain');

const SAID = 'devshell.said';
/**
 * What to offer in which state. What is `live` is offered also when it comes up while the window is open; the others
 * come up then because somebody is just installing, as in a terminal.
 */
const OFFERS = {
  'not allowed': {
    says: (name) => `${name} is not allowed to act yet.`,
    button: 'Look and Allow',
    command: 'devshell.allow',
    live: true,
  },
  changed: {
    says: (name) => `${name} has changed since it was allowed.`,
    button: 'Look and Allow',
    command: 'devshell.allow',
    live: true,
  },
  'not installed': {
    says: (name) => `The tools of ${name} are not installed yet.`,
    button: 'Sync',
    command: 'devshell.sync',
  },
  stale: {
    says: (name) => `The lock of ${name} does not hold what its manifest asks for.`,
    button: 'Sync',
    command: 'devshell.sync',
  },
};

class Offers {
  /** How long a state that comes up while the window is open must last to be said, in milliseconds. */
  static patience = 2000;

  #following;
  #memory;
  #subscription;
  #states = new Map();
  #timers = new Set();

  /**
   * @param {import('./following').Following} following
   * @param {import('vscode').Memento} memory of this workspace
   */
  constructor(following, memory) {
    this.#following = following;
    this.#memory = memory;
    this.#subscription = following.onDidUpdate(() => this.#look());
  }

  dispose() {
    this.#subscription.dispose();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Offers what fits a project that waits. Where it waits for nothing, nothing is said. */
  async offer({ project, name, state }) {
    if (!OFFERS[state]) return;
    const { says, button, command } = OFFERS[state];
    const choice = await vscode.window.showInformationMessage(says(plain(name, 60)), button);
    // Notifications stay as long as they are left: it may have been done meanwhile.
    if (choice === button && this.#states.get(project) === state)
      await vscode.commands.executeCommand(command, project);
  }

  #look() {
    for (const { answer } of this.#following.places) {
      if (!answer?.project) continue;
      const { project, state } = answer;
      const isFirst = !this.#states.has(project);
      if (this.#states.get(project) === state) continue;
      this.#states.set(project, state);
      if (!OFFERS[state]) this.#remember(project, state);
      else if (isFirst) this.#once(answer);
      else if (OFFERS[state].live) this.#later(answer);
    }
  }

  #later(answer) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#states.get(answer.project) === answer.state) this.#once(answer);
    }, Offers.patience);
    this.#timers.add(timer);
  }

  #once(answer) {
    const { project, state } = answer;
    if (this.#memory.get(SAID, {})[project] === state) return;
    this.#remember(project, state);
    this.offer(answer);
  }

  #remember(project, state) {
    const said = this.#memory.get(SAID, {});
    if (said[project] !== state) this.#memory.update(SAID, { ...said, [project]: state });
  }
}

module.exports = { Offers };
