const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { FOLDER } = require('./stub');
const { Watching } = require(path.join(FOLDER, 'watching.js'));

/** A folder, and a watch whose next change can be waited for. */
function setUp(t, by = {}) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'devshell-watching-')));
  let heard = () => {};
  let count = 0;
  const watching = new Watching(
    () => {
      count += 1;
      heard();
    },
    { settling: 20, ...by },
  );
  const alive = setInterval(() => {}, 1 << 30);
  t.after(() => {
    clearInterval(alive);
    watching.dispose();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const follow = (...names) =>
    watching.follow(
      names.map((name) => path.join(folder, name)),
      Date.now() + 1000,
    );
  const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
  /** Does something and waits until it is told. */
  const sees = async (act) => {
    const told = new Promise((resolve) => {
      heard = resolve;
    });
    act();
    await told;
  };
  return { folder, watching, follow, write, sees, count: () => count };
}

test('a file that is written to', async (t) => {
  const { follow, write, sees } = setUp(t);
  write('a', '1');
  follow('a');
  await sees(() => write('a', '2'));
  await sees(() => write('a', '3'));
});

test('a file that another one takes the name of, time and again', async (t) => {
  const { folder, follow, write, sees } = setUp(t);
  write('a', '1');
  follow('a');
  for (const text of ['2', '3', '4']) {
    await sees(() => {
      write('new', text);
      fs.renameSync(path.join(folder, 'new'), path.join(folder, 'a'));
    });
  }
});

test('a file that goes, and one that comes', async (t) => {
  const { folder, follow, write, sees } = setUp(t);
  write('a', '1');
  follow('a', 'b');
  await sees(() => fs.rmSync(path.join(folder, 'a')));
  await sees(() => write('b', ''));
  await sees(() => write('a', ''));
});

test('a file in a folder that comes to be later, level by level', async (t) => {
  const { folder, follow, write, sees } = setUp(t);
  follow('one/two/a');
  await sees(() => {
    fs.mkdirSync(path.join(folder, 'one/two'), { recursive: true });
    write('one/two/a', '1');
  });
  await sees(() => write('one/two/a', '2'));
});

test('a folder that goes and comes again', async (t) => {
  const { folder, follow, write, sees } = setUp(t);
  fs.mkdirSync(path.join(folder, 'one'));
  write('one/a', '1');
  follow('one/a');
  await sees(() => fs.renameSync(path.join(folder, 'one'), path.join(folder, 'other')));
  await sees(() => {
    fs.mkdirSync(path.join(folder, 'one'));
    write('one/a', '2');
  });
  await sees(() => write('one/a', '3'));
});

test('a link that is led elsewhere, and a file that it leads to', async (t) => {
  const { folder, follow, write, sees } = setUp(t);
  for (const name of ['one', 'two']) {
    fs.mkdirSync(path.join(folder, name));
    write(`${name}/a`, name);
  }
  fs.mkdirSync(path.join(folder, 'links'));
  fs.symlinkSync('../one/a', path.join(folder, 'links/a'));
  follow('links/a');
  await sees(() => write('one/a', 'changed'));
  await sees(() => {
    fs.symlinkSync('../two/a', path.join(folder, 'links/new'));
    fs.renameSync(path.join(folder, 'links/new'), path.join(folder, 'links/a'));
  });
  await sees(() => write('two/a', 'changed as well'));
});

test('many changes at a time are told once, and other files of the folder never', async (t) => {
  const { follow, write, sees, count } = setUp(t, { settling: 100 });
  write('a', '');
  write('b', '');
  follow('a', 'b');
  await sees(() => {
    for (let index = 0; index < 50; index += 1) {
      write('a', `${index}`);
      write('b', `${index}`);
      write(`other-${index}`, '');
    }
  });
  assert.equal(count(), 1);
});

test('what changed between the question and the watch is told', async (t) => {
  const { folder, watching, write, sees } = setUp(t);
  const asked = Date.now() - 1000;
  write('a', '1');
  await sees(() => watching.follow([path.join(folder, 'a')], asked));
});

test('a clock that is ahead makes nobody ask for ever', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { folder, watching, write, count } = setUp(t, { watch: () => ({ close() {}, on() {} }) });
  write('a', '1');
  // By its time it has changed since 1970 each time that it is looked at.
  for (let round = 0; round < 3; round += 1) {
    watching.follow([path.join(folder, 'a')], 0);
    t.mock.timers.tick(1000);
  }
  assert.equal(count(), 1);
  write('a', '22');
  watching.follow([path.join(folder, 'a')], 0);
  t.mock.timers.tick(1000);
  assert.equal(count(), 2);
});

test('a folder that another one takes the place of', async (t) => {
  const { folder, follow, write, sees } = setUp(t);
  fs.mkdirSync(path.join(folder, 'one'));
  write('one/a', '1');
  follow('one/a');
  await sees(() => {
    fs.renameSync(path.join(folder, 'one'), path.join(folder, 'other'));
    fs.mkdirSync(path.join(folder, 'one'));
    write('one/a', '2');
  });
  await sees(() => write('one/a', '3'));
});

test('an event that has changed nothing is not told', async (t) => {
  const events = [];
  const watch = (_, __, listener) => {
    events.push(listener);
    return { close() {}, on() {} };
  };
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { follow, write, count } = setUp(t, { watch });
  write('a', '1');
  follow('a');
  events[0]('change', 'a');
  t.mock.timers.tick(1000);
  assert.equal(count(), 0);
  write('a', '22');
  events[0]('change', 'a');
  t.mock.timers.tick(1000);
  assert.equal(count(), 1);
});

test('a change that no event told of is found by looking', async (t) => {
  // As on a network file system: events never come.
  const silent = () => ({ close() {}, on() {} });
  const { watching, follow, write, sees, count } = setUp(t, { watch: silent });
  write('a', '1');
  follow('a');
  watching.check();
  await sees(() => {
    write('a', '2');
    watching.check();
  });
  assert.equal(count(), 1);
});

test('where the machine has no watches left, files are looked at now and then', async (t) => {
  const none = () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  };
  const { follow, write, sees } = setUp(t, { watch: none, interval: 20 });
  write('a', '1');
  follow('a');
  await sees(() => write('a', '2'));
  await sees(() => write('a', '3'));
});

test('a watch that breaks is made anew', async (t) => {
  const made = [];
  const watch = (...args) => {
    const watcher = fs.watch(...args);
    made.push(watcher);
    return watcher;
  };
  const { follow, write, sees } = setUp(t, { watch });
  write('a', '1');
  follow('a');
  made[0].emit('error', new Error('broken'));
  await sees(() => write('a', '2'));
  await sees(() => write('a', '3'));
  assert.ok(made.length >= 2);
});

test('after the end nothing is told and nothing held', (t) => {
  const closed = [];
  const watch = (...args) => {
    const watcher = fs.watch(...args);
    watcher.on('close', () => closed.push(args[0]));
    return watcher;
  };
  const { folder, watching, follow, write } = setUp(t, { watch });
  write('a', '1');
  follow('a');
  watching.dispose();
  return new Promise((resolve) => setImmediate(resolve)).then(() => assert.deepEqual(closed, [folder]));
});
