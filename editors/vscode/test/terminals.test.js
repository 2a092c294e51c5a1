const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Place } = require('./place');
const { terminal } = require('./stub');

const OUTSIDE = { PATH: '/usr/bin:/bin' };

test('a new terminal has the project in front of what rc files put in front', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  const rc = (env) => {
    env.PATH = `/home/me/bin:${env.PATH}`;
    env.A = 'of the rc file';
  };
  const env = terminal(OUTSIDE, [window.collection], { rc });
  assert.equal(env.PATH, '/store/web/bin:/home/me/bin:/store/web/bin:/usr/bin:/bin');
  assert.equal(env.A, '1');
});

test('an rc file that forgets PATH does not lose the project', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  const rc = (env) => {
    env.PATH = '/usr/bin';
  };
  assert.equal(terminal(OUTSIDE, [window.collection], { rc }).PATH, '/store/web/bin:/usr/bin');
});

test('a shell without integration has the project all the same', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { variables: { A: '1' } })] });
  const env = terminal(OUTSIDE, [window.collection], { integration: false });
  assert.equal(env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(env.A, '1');
});

test('leaving takes out as many entries as there are in a terminal', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web', { path: ['/store/web/bin', '/web/bin'] })] });
  const env = terminal(OUTSIDE, [window.collection]);
  const left = env.PATH.split(':');
  for (const entry of env.DEVSHELL_PATH.split(':')) left.splice(left.indexOf(entry), left.includes(entry) ? 1 : 0);
  assert.equal(left.join(':'), OUTSIDE.PATH);
});

test('an editor that was started inside the environment does not put it in front twice at once', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web');
  await place.open({ folders: [folder] });
  // What `devshell code` starts has the environment from the beginning.
  const inside = { ...process.env };
  const window = await place.open({ folders: [folder] });
  const env = terminal(inside, [window.collection], { integration: false });
  assert.equal(env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
});

test('an editor that was started inside another project leaves that one in its terminals', async (t) => {
  const place = new Place(t);
  await place.open({ folders: [place.ready('api', { variables: { OF_API: '1' } })] });
  const inside = { ...process.env };
  const window = await place.open({ folders: [place.ready('web')] });
  const env = terminal(inside, [window.collection]);
  assert.equal(env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal(env.OF_API, '');
  assert.equal(process.env.PATH, '/store/web/bin:/usr/bin:/bin');
  assert.equal('OF_API' in process.env, false);
});

test('an editor that was started inside a project leaves it in a folder that has none', async (t) => {
  const place = new Place(t);
  await place.open({ folders: [place.ready('api')] });
  const inside = { ...process.env };
  const window = await place.open({ folders: [place.folder('notes')] });
  assert.equal(process.env.PATH, '/usr/bin:/bin');
  assert.equal('DEVSHELL_ROOT' in process.env, false);
  assert.equal(terminal(inside, [window.collection]).PATH, '/usr/bin:/bin');
});

test('a variable that the project unsets is covered up where there is one', async (t) => {
  const place = new Place(t);
  process.env.AWS_PROFILE = 'production';
  const folder = place.ready('web', { variables: { AWS_PROFILE: null, NEVER_SET: null } });
  const window = await place.open({ folders: [folder] });
  assert.equal(window.collection.get('AWS_PROFILE').value, '');
  assert.equal(window.collection.get('NEVER_SET'), undefined);
  // So that leaving finds it as it was given.
  assert.equal(window.collection.get('DEVSHELL_NEW_AWS_PROFILE').value, '');
  assert.equal(window.collection.get('DEVSHELL_NEW_NEVER_SET'), undefined);
});

test('VS Code keeps nothing for the next time', async (t) => {
  const place = new Place(t);
  const window = await place.open({ folders: [place.ready('web')] });
  assert.equal(window.collection.persistent, false);
  assert.ok(window.collection.description);
});

test('what is right stays untouched, so that no open terminal is called stale', async (t) => {
  const place = new Place(t);
  const folder = place.ready('web', { variables: { A: '1', B: '2' } });
  const window = await place.open({ folders: [folder] });
  const before = window.collection.changes;
  place.ready('web', { variables: { A: '1', B: '2' }, tools: { node: '22.2.0' } });
  await window.until(() => place.questions.length >= 2 && window.statusItem.tooltip.value.includes('22.2.0'));
  assert.equal(window.collection.changes, before);
  place.ready('web', { variables: { A: '1', B: '3' } });
  await window.until(() => window.collection.get('B').value === '3');
  // B, and devshell's note of it.
  assert.equal(window.collection.changes, before + 2);
});
