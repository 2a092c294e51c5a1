const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { FOLDER } = require('./stub');
const { plain } = require(path.join(FOLDER, 'plain.js'));

// What VS Code takes for a link in a notification, and for an icon in a label.
const LINK = /\[([^\]]+)\]\(((https?:\/\/|command:|file:)[^)\s]+)/i;
const ICON = /\$\([a-z0-9-]+(~[a-z]+)?\)/i;

test('no text becomes a link or an icon', () => {
  for (const text of [
    '[Allow](command:devshell.allow)',
    '$(check) web',
    '$\u200b(check)',
    ']\u200b(',
    '[a]\n(command:b)',
    '[a]\u2060(command:b)',
    '$\u0000(check)',
    '$$((check))',
  ]) {
    assert.doesNotMatch(plain(text), LINK, text);
    assert.doesNotMatch(plain(text), ICON, text);
    assert.doesNotMatch(plain(text), /\n/);
  }
});

test('a text is shown as it is otherwise, and not for ever', () => {
  assert.equal(plain('Größe: 1,5 (neu) [x] $5'), 'Größe: 1,5 (neu) [x] $5');
  assert.equal(plain('a\r\n b\u202ec\u001b[31m'), 'a b c [31m');
  assert.equal(plain('x'.repeat(1000), 10), `${'x'.repeat(9)}…`);
});
