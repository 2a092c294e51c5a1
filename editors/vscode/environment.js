// What an answer of devshell means for an environment. Pure: nothing here reads or changes anything but its arguments.

const AT_BOTH_TIMES = { applyAtProcessCreation: true, applyAtShellIntegration: true };
// A variable's own notes, for devshell alone: no other program's behaviour hangs on them.
const MARK = /^DEVSHELL_/;

/** Whether what is active in `env` may stay although the project cannot be entered just now. */
function mayStay(answer, env) {
  return answer.keep === true && Boolean(answer.project) && env.DEVSHELL_ROOT === answer.project;
}

/**
 * What the answer changes in the environment that it was asked for.
 *
 * @param {{variables: Record<string, string | null>}} answer
 * @param {Record<string, string | undefined>} env
 * @returns {Array<[string, string | null]>} name and new value, null for "unset"; only what differs
 */
function difference(answer, env) {
  if (mayStay(answer, env)) return [];
  return Object.entries(answer.variables).filter(([name, value]) => (env[name] ?? null) !== value);
}

/** Puts a difference into an environment, in place. */
function apply(changes, env) {
  for (const [name, value] of changes) {
    if (value === null) delete env[name];
    else env[name] = value;
  }
}

/** Whether a difference is one to anything but devshell's own notes. */
function matters(changes) {
  return changes.some(([name]) => !MARK.test(name));
}

function beginsWith(list, entries) {
  return list === entries || list.startsWith(`${entries}:`);
}

/**
 * What a terminal is to get, for VS Code's collection of environment variables.
 *
 * A terminal does not start from the extension host's environment but from one like it, and runs the user's rc files
 * after that. So PATH is not replaced: the project's entries go in front, once more after the rc files, and what these
 * added stays. DEVSHELL_PATH says so, in order that leaving takes both away.
 *
 * @param {{variables: Record<string, string | null>, path: string[]}} answer for the environment `original`
 * @param {Record<string, string | undefined>} original
 * @returns {Map<string, {how: 'replace' | 'prepend', value: string, options: object}>}
 */
function mutators(answer, original) {
  const wanted = new Map();
  for (const [name, value] of Object.entries(answer.variables)) {
    if (value !== null) wanted.set(name, { how: 'replace', value, options: AT_BOTH_TIMES });
  }
  const names = new Set((answer.variables.DEVSHELL_NAMES ?? '').split(' '));
  for (const [name, value] of Object.entries(answer.variables)) {
    // A collection cannot unset, and empty is not unset: only what is there needs covering up.
    if (value !== null || original[name] === undefined) continue;
    wanted.set(name, { how: 'replace', value: '', options: AT_BOTH_TIMES });
    // Leaving would take the empty value for one that the user has given it meanwhile, were it not told.
    if (names.has(name)) wanted.set(`DEVSHELL_NEW_${name}`, { how: 'replace', value: '', options: AT_BOTH_TIMES });
  }
  const before = original.PATH ?? '';
  const after = answer.variables.PATH ?? before;
  if (answer.path.length === 0) {
    if (after === before) wanted.delete('PATH');
    return wanted;
  }
  const entries = answer.path.join(':');
  const alreadyThere = beginsWith(before, entries);
  // Else an environment of another project is left on the way, and its entries are to go: PATH is given whole.
  if (alreadyThere || after === `${entries}:${before}`) {
    const options = { applyAtProcessCreation: !alreadyThere, applyAtShellIntegration: true };
    wanted.set('PATH', { how: 'prepend', value: `${entries}:`, options });
    wanted.set('DEVSHELL_PATH', { how: 'replace', value: `${entries}:${entries}`, options: AT_BOTH_TIMES });
  }
  return wanted;
}

module.exports = { apply, difference, matters, mayStay, mutators };
