// Beside direnv's extension, and in an editor that was started in the environment.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { DEVSHELL, TOOLS } = require('../place');
const { command } = require('../server');
const { until } = require('../wait');
const { hasEnvironment, hasNothing, said, wasNotAsked } = require('./expect');

const SAY = `printf '%s\\n' "$GREETING" "$PATH"; greet`;

async function direnv(rig) {
  const { place } = rig;
  const files = { 'devshell.toml': place.manifest('1.0', 'not this'), '.envrc': 'export OTHER=1\n' };
  const folder = await place.project('direnv', files);
  const server = await rig.server('direnv', { more: ['mkhl.direnv'] });
  const window = await rig.window({ folder }, { server });
  await window.statusSays(/direnv is in charge/);
  hasNothing(place, await window.run(() => ({ ...process.env })));
  await wasNotAsked(window);
}

async function code(rig) {
  const { place } = rig;
  const folder = await place.project('code', {
    'devshell.toml': place.manifest('1.0', 'from the beginning'),
    '.vscode/tasks.json': JSON.stringify({
      version: '2.0.0',
      tasks: [{ label: 'say', type: 'process', command: 'greet', args: ['said'], problemMatcher: [] }],
    }),
  });
  const through = [DEVSHELL, '-C', folder, 'code', '--editor', command(place), '--'];
  const server = await rig.server('code', { through });
  const window = await rig.window({ folder }, { server });
  await window.ready('code');
  assert.equal(await window.task('say'), 0);
  const [name, version, file] = fs.readFileSync(`${folder}/said`, 'utf8').split(' ');
  assert.equal(`${name} ${version}`, 'greet 1.0');
  assert.ok(place.isStored(file), file);
  said(place, await window.terminal(SAY), 'from the beginning', 'greet 1.0');
  await wasNotAsked(window);
}

/** What the extension starts before others begin, and what that starts. */
async function cost(rig) {
  const { place } = rig;
  const folder = await place.project('cost', { 'devshell.toml': place.manifest('1.0', 'cheap') });
  const traces = path.join(place.base, 'traces');
  fs.mkdirSync(traces);
  const strace = `'${path.join(TOOLS, 'strace')}' -f -qq -e trace=execve,execveat,clone,clone3,fork,vfork`;
  const text = `#!/bin/sh\nexec ${strace} -o ${traces}/$$ '${DEVSHELL}' "$@"\n`;
  const counting = place.write(path.join(place.base, 'counting', 'devshell'), text, 0o755);
  /** What each question to devshell started: all calls that start something. */
  const questions = () =>
    fs.readdirSync(traces).map((name) => fs.readFileSync(path.join(traces, name), 'utf8').trim().split('\n'));
  // The first answers after an installation are Python's, which writes down what the later ones are.
  await until('an answer without Python', async () => {
    await place.run(counting, ['-C', folder, 'export', 'json', '--full']);
    return questions().some((calls) => calls.length === 1);
  });
  for (const name of fs.readdirSync(traces)) fs.unlinkSync(path.join(traces, name));

  const server = await rig.server('cost', { settings: { 'devshell.executable': counting } });
  const window = await rig.window({ folder }, { server });
  await window.ready('cost');
  await until('all other extensions to begin', () => window.records().finished?.activate);
  hasEnvironment(place, window.records().first.activate, 'cheap');
  const asked = questions();
  assert.equal(asked.length, 1, 'questions to devshell');
  const [[call, ...more]] = asked;
  assert.match(call, /execve\(.*\/devshell"/);
  assert.deepEqual(more, [], 'what the question started');
  return 'one question, one process, no Python';
}

module.exports = [
  { name: 'direnv', title: "beside direnv's extension and an .envrc devshell stands down, and says so", check: direnv },
  { name: 'code', title: 'an editor that devshell code begins has the tools in tasks of processes, too', check: code },
  { name: 'cost', title: 'at the start of a project that is ready one process is started', check: cost },
];
