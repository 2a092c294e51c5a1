const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { FOLDER } = require('./stub');
const { apply, difference, matters } = require(path.join(FOLDER, 'environment.js'));

test('a difference has only what differs, and is empty once it is applied', () => {
  const answer = { variables: { SAME: 'a', NEW: 'b', OTHER: 'c', GONE: null, NEVER: null, EMPTY: '' } };
  const env = { SAME: 'a', OTHER: 'x', GONE: '', UNTOLD: 'd' };
  const changes = difference(answer, env);
  assert.deepEqual(Object.fromEntries(changes), { NEW: 'b', OTHER: 'c', GONE: null, EMPTY: '' });
  apply(changes, env);
  assert.deepEqual(env, { SAME: 'a', NEW: 'b', OTHER: 'c', EMPTY: '', UNTOLD: 'd' });
  assert.deepEqual(difference(answer, env), []);
});

test('empty is not unset', () => {
  assert.deepEqual(difference({ variables: { A: '' } }, {}), [['A', '']]);
  assert.deepEqual(difference({ variables: { A: null } }, { A: '' }), [['A', null]]);
});

test('what is active may stay only if it is of the same project', () => {
  const answer = { keep: true, project: '/web', variables: { DEVSHELL_ROOT: null, A: null } };
  assert.deepEqual(difference(answer, { DEVSHELL_ROOT: '/web', A: '1' }), []);
  assert.equal(difference(answer, { DEVSHELL_ROOT: '/api', A: '1' }).length, 2);
  assert.equal(difference({ ...answer, keep: false }, { DEVSHELL_ROOT: '/web', A: '1' }).length, 2);
});

test("devshell's own notes are no reason to restart anything", () => {
  assert.equal(
    matters([
      ['DEVSHELL_ENV', 'x'],
      ['DEVSHELL_OLD_PATH', null],
    ]),
    false,
  );
  assert.equal(
    matters([
      ['DEVSHELL_ENV', 'x'],
      ['PATH', 'y'],
    ]),
    true,
  );
  assert.equal(matters([['MY_DEVSHELL_X', 'y']]), true);
});
