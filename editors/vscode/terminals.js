// What terminals and shell tasks get: VS Code's collections of environment variables, one a window, or one a folder.

const vscode = require('vscode');
const { mayStay, mutators } = require('./environment');

const KINDS = {
  replace: vscode.EnvironmentVariableMutatorType.Replace,
  prepend: vscode.EnvironmentVariableMutatorType.Prepend,
};

function isSame(mutator, { how, value, options }) {
  return (
    mutator !== undefined &&
    mutator.type === KINDS[how] &&
    mutator.value === value &&
    mutator.options?.applyAtProcessCreation === options.applyAtProcessCreation &&
    mutator.options?.applyAtShellIntegration === options.applyAtShellIntegration
  );
}

/** Brings a collection to what is wanted. What is right stays untouched: each change marks open terminals as stale. */
function bring(collection, wanted) {
  const gone = [];
  collection.forEach((name) => {
    if (!wanted.has(name)) gone.push(name);
  });
  for (const name of gone) collection.delete(name);
  for (const [name, mutator] of wanted) {
    if (!isSame(collection.get(name), mutator)) collection[mutator.how](name, mutator.value, mutator.options);
  }
}

class Terminals {
  #all;
  #original;
  #scoped = new Map();

  /**
   * @param {import('vscode').GlobalEnvironmentVariableCollection} collection the extension's
   * @param {Record<string, string | undefined>} original the environment before anything was applied
   */
  constructor(collection, original) {
    this.#all = collection;
    this.#original = original;
    // What VS Code would keep could come back after the user has denied the project while the window was closed.
    collection.persistent = false;
    collection.description = 'Tools and variables of the project, put there by devshell';
  }

  /**
   * @param {import('./following').Place[]} places what is known of the folders
   * @param {boolean} several whether the window has more than one
   */
  update(places, several) {
    const scoped = new Map();
    for (const place of several ? places : []) {
      const key = place.folder.uri.toString();
      scoped.set(key, this.#scoped.get(key) ?? this.#all.getScoped({ workspaceFolder: place.folder }));
      this.#give(scoped.get(key), place);
    }
    for (const [key, collection] of this.#scoped) {
      if (!scoped.has(key)) bring(collection, new Map());
    }
    this.#scoped = scoped;
    if (several) bring(this.#all, new Map());
    else if (places.length > 0) this.#give(this.#all, places[0]);
  }

  #give(collection, { answer, failure }) {
    // No answer does not make wrong what was true a moment ago.
    if (failure) return;
    const root = collection.get('DEVSHELL_ROOT')?.value ?? this.#original.DEVSHELL_ROOT;
    if (answer && mayStay(answer, { DEVSHELL_ROOT: root })) return;
    bring(collection, answer ? mutators(answer, this.#original) : new Map());
  }
}

module.exports = { Terminals };
