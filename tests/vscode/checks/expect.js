const assert = require('node:assert/strict');

/** The environment that another extension, or what it started, was in: `{PATH, GREETING, …}`. */
function hasEnvironment(place, env, greeting) {
  assert.equal(env.GREETING, greeting, 'the variable of the project');
  const [first] = env.PATH.split(':');
  assert.ok(place.isStored(first), `PATH does not begin in the store: ${env.PATH}`);
}

/** That nothing of devshell is in it. */
function hasNothing(place, env) {
  assert.equal(env.GREETING, undefined, 'the variable of a project');
  assert.ok(!env.PATH.split(':').some((entry) => place.isStored(entry)), `PATH has the store: ${env.PATH}`);
  assert.equal(env.DEVSHELL_ROOT, undefined);
}

/** What a shell printed last: the variable, PATH, and what `greet` answered. Before it, the hook may have said something. */
function said(place, text, greeting, greet) {
  const [value, searched, answer] = text.trimEnd().split('\n').slice(-3);
  hasEnvironment(place, { GREETING: value, PATH: searched }, greeting);
  const [name, version, file] = answer.split(' ');
  assert.equal(`${name} ${version}`, greet);
  assert.ok(place.isStored(file), `not of the store: ${answer}`);
}

/** The same where nothing of a project is to be there. */
function saidNothing(place, text) {
  const [value, searched, answer] = text.trimEnd().split('\n').slice(-3);
  hasNothing(place, { GREETING: value || undefined, PATH: searched });
  assert.equal(answer, 'decoy');
}

/** Nobody was asked to restart extensions. */
async function wasNotAsked(window) {
  const asked = (await window.notifications()).filter(({ text }) => /devshell|restart|environment/i.test(text));
  assert.deepEqual(asked, [], 'notifications');
}

module.exports = { hasEnvironment, hasNothing, said, saidNothing, wasNotAsked };
