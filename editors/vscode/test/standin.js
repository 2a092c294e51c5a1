// Stands in for the command devshell: a real process that answers in the same form. Its projects are folders with a
// devshell.toml that holds, as JSON, what is to be answered.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

function findProject(folder) {
  for (let at = fs.realpathSync(folder); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'devshell.toml'))) return at;
    if (at === path.dirname(at)) return null;
  }
}

/** The variables after leaving what is active in `env`, and those of them that are devshell's to manage. */
function leave(env) {
  const changed = {};
  if (!env.DEVSHELL_ROOT) return changed;
  const names = (env.DEVSHELL_NAMES ?? '').split(' ').filter(Boolean);
  for (const name of names) {
    if (env[name] === env[`DEVSHELL_NEW_${name}`]) changed[name] = env[`DEVSHELL_OLD_${name}`] ?? null;
    changed[`DEVSHELL_NEW_${name}`] = null;
    changed[`DEVSHELL_OLD_${name}`] = null;
  }
  const rest = env.PATH.split(':');
  for (const entry of (env.DEVSHELL_PATH ?? '').split(':')) {
    if (rest.includes(entry)) rest.splice(rest.indexOf(entry), 1);
  }
  changed.PATH = rest.join(':');
  for (const name of ['ROOT', 'ENV', 'NAMES', 'PATH']) changed[`DEVSHELL_${name}`] = null;
  return changed;
}

function enter(root, { variables = {}, path: entries = [] }, env) {
  const changed = leave(env);
  const before = { ...env, ...changed };
  for (const [name, value] of Object.entries(variables)) {
    if (typeof before[name] === 'string') changed[`DEVSHELL_OLD_${name}`] = before[name];
    if (value !== null) changed[`DEVSHELL_NEW_${name}`] = value;
    changed[name] = value;
  }
  changed.PATH = [...entries, before.PATH].join(':');
  changed.DEVSHELL_ROOT = root;
  changed.DEVSHELL_ENV = '/store/environment';
  changed.DEVSHELL_NAMES = Object.keys(variables).join(' ');
  changed.DEVSHELL_PATH = entries.join(':');
  return changed;
}

function answer(folder, env) {
  const root = findProject(folder);
  const empty = { format: 1, name: '', message: '', command: '', keep: false, environment: '', tools: {}, path: [] };
  if (root === null) return { ...empty, state: 'none', project: null, watch: [], problems: [], variables: leave(env) };
  const manifest = path.join(root, 'devshell.toml');
  const said = { name: path.basename(root), ...JSON.parse(fs.readFileSync(manifest, 'utf8')) };
  const ready = said.state === 'ready';
  return {
    ...empty,
    ...said,
    project: root,
    path: ready ? said.path : [],
    tools: ready ? said.tools : {},
    watch: [manifest, path.join(root, 'devshell.lock'), ...(said.watch ?? [])],
    problems: said.problems ?? [],
    variables: ready ? enter(root, said, env) : leave(env),
  };
}

/** The words after `-C FOLDER`, as devshell answers them. */
function main(box) {
  const [, folder, ...words] = process.argv.slice(2);
  const { env } = process;
  fs.appendFileSync(path.join(box, 'calls'), `${JSON.stringify({ folder, words, env, cwd: process.cwd() })}\n`);
  const line = words.join(' ');
  if (line === 'export json --full') {
    const behaviour = path.join(box, 'behaviour.js');
    if (fs.existsSync(behaviour)) require(behaviour)();
    process.stdout.write(JSON.stringify(answer(folder, env)));
    return;
  }
  const manifest = path.join(folder, 'devshell.toml');
  const text = fs.readFileSync(manifest, 'utf8');
  const become = (state) => {
    // As devshell and editors do: another file takes the name.
    fs.writeFileSync(`${manifest}.new`, JSON.stringify({ ...JSON.parse(text), state }));
    fs.renameSync(`${manifest}.new`, manifest);
  };
  const hash = `sha256:${crypto.createHash('sha256').update(text).digest('hex')}`;
  if (line === 'allow --dry-run') {
    process.stderr.write(`what it would do: ${text}\n`);
    process.stdout.write(`${hash}\n`);
  } else if (line.startsWith('allow --quiet --expect ')) {
    if (words[3] !== hash) {
      process.stderr.write('devshell: error: it has changed meanwhile\n');
      process.exit(1);
    }
    become(JSON.parse(text).afterwards ?? 'ready');
  } else if (line === 'deny --quiet') {
    become('denied');
  } else if (line === 'sync' && JSON.parse(text).sync === 'endless') {
    process.on('SIGINT', () => {
      process.stderr.write('stopped\n');
      process.exit(130);
    });
    process.stderr.write('fetching node\n');
    setInterval(() => {}, 1000);
  } else if (line === 'sync' && JSON.parse(text).sync === 'fails') {
    process.stderr.write('devshell: error: no [network](command:evil)\n');
    process.exit(1);
  } else if (line === 'sync') {
    process.stderr.write('fetching node\nunpacking node\n');
    become('ready');
  } else if (line !== 'lock --update') {
    process.stderr.write(`devshell: error: ${line}?\n`);
    process.exit(2);
  }
}

module.exports = { main };
