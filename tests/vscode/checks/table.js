// Where the environment of a project that is ready has to be, with the window just opened and nothing set up by hand.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { until } = require('../wait');
const { hasEnvironment, said, wasNotAsked } = require('./expect');

const GREETING = 'from the project';
/** What every tool and variable is, as a shell says it; then which `greet` answers. */
const SAY = `printf '%s\\n' "$GREETING" "$PATH"; node --version; greet`;
const SCRIPT = `const { execFileSync } = require('node:child_process');
require('node:fs').writeFileSync(process.argv[2], JSON.stringify({
  ...process.env, NODE: process.execPath, GREET: String(execFileSync('greet')).trim(),
}));
`;
const TASKS = (out) => ({
  version: '2.0.0',
  tasks: [
    { label: 'by a shell', type: 'shell', command: `{ ${SAY}; } > ${out}/shell`, problemMatcher: [] },
    { label: 'by itself', type: 'process', command: 'node', args: ['say.js', `${out}/process`], problemMatcher: [] },
    // The binary is the host's, whose node is a decoy here, unless it is named by its place.
    {
      label: 'by its place',
      type: 'process',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is VS Code's.
      command: '${workspaceFolder}/.devshell/env/bin/node',
      args: ['say.js', `${out}/placed`],
      problemMatcher: [],
    },
  ],
});

const SOURCE = `/** Says who it is. */
function greeting(name: string): string {
  return 'I am ' + name;
}
greeting('greet');
`;

async function project(rig) {
  return rig.shared('table', async () => {
    const { place } = rig;
    const out = path.join(place.base, 'said');
    fs.mkdirSync(out);
    const more = 'node = "22"\n"npm:typescript-language-server" = "5"\n"npm:typescript" = "5"\n';
    const settings = '[settings]\nplatforms = ["linux-x86_64"]\n';
    const files = {
      'devshell.toml': place.manifest('1.0', GREETING, more) + settings,
      'say.js': SCRIPT,
      'sample.ts': SOURCE,
      'notes.txt': 'some text\n',
      '.vscode/tasks.json': JSON.stringify(TASKS(out)),
    };
    const folder = await place.project('table', files, { outside: true });
    await place.run('git', ['init', '-q'], { cwd: folder });
    const hook = `#!/bin/sh\n{ ${SAY}; } > ${out}/hook\n`;
    place.write(path.join(folder, '.git', 'hooks', 'pre-commit'), hook, 0o755);
    await place.run('git', ['add', 'say.js'], { cwd: folder });
    return { folder, out };
  });
}

/** The window that all of these look at. */
function opened(rig) {
  return rig.shared('table window', async () => {
    const { folder } = await project(rig);
    const window = await rig.window({ folder, file: `${folder}/notes.txt` }, { stays: true });
    await window.ready('table');
    return window;
  });
}

/** Checks what SAY printed. */
function check({ place }, text) {
  const [greeting, searched, node, greet] = text.trimEnd().split('\n');
  said(place, [greeting, searched, greet].join('\n'), GREETING, 'greet 1.0');
  assert.match(node, /^v22\./);
}

function read({ out }, name) {
  return fs.readFileSync(path.join(out, name), 'utf8');
}

async function terminal(rig) {
  const window = await opened(rig);
  check(rig, await window.terminal(SAY));
  await window.palette('Terminal: Create New Terminal');
  await until('a prompt', async () => /\$/.test(await window.screen()));
  await window.page.keyboard.type('node --version && command -v node greet\n');
  await until('the answer', async () => /v22\.[\s\S]*\/greet/.test(await window.screen()));
}

async function shellTask(rig) {
  const window = await opened(rig);
  assert.equal(await window.task('by a shell'), 0);
  check(rig, read(await project(rig), 'shell'));
}

async function processTask(rig) {
  const window = await opened(rig);
  const made = await project(rig);
  // The decoy answers, and writes nothing: this is what VS Code cannot do.
  assert.equal(await window.task('by itself'), 0);
  const own = fs.existsSync(path.join(made.out, 'process')) && JSON.parse(read(made, 'process')).NODE;
  assert.equal(await window.task('by its place'), 0);
  const env = JSON.parse(read(made, 'placed'));
  hasEnvironment(rig.place, env, GREETING);
  assert.ok(rig.place.isStored(env.GREET.replace('greet 1.0 ', '')), env.GREET);
  return own && rig.place.isStored(own) ? 'also a bare name' : "a bare name is the host's";
}

async function debug(rig) {
  const window = await opened(rig);
  const made = await project(rig);
  const file = path.join(made.out, 'debugged');
  await window.run(
    async (vscode, { file, program }) => {
      const [folder] = vscode.workspace.workspaceFolders;
      const launch = {
        type: 'node',
        request: 'launch',
        name: 'say',
        program,
        args: [file],
        console: 'internalConsole',
      };
      const ended = new Promise((resolve) => {
        const listening = vscode.debug.onDidTerminateDebugSession(({ parentSession }) => {
          if (parentSession) return;
          listening.dispose();
          resolve();
        });
      });
      if (!(await vscode.debug.startDebugging(folder, launch))) throw new Error('debugging did not begin');
      await ended;
    },
    { file, program: path.join(made.folder, 'say.js') },
  );
  const env = JSON.parse(read(made, 'debugged'));
  hasEnvironment(rig.place, env, GREETING);
  assert.ok(rig.place.isStored(env.NODE), env.NODE);
  assert.ok(rig.place.isStored(env.GREET.replace('greet 1.0 ', '')), env.GREET);
}

async function gitHook(rig) {
  const window = await opened(rig);
  const made = await project(rig);
  await window.run(
    async (vscode, { folder }) => {
      const git = (await vscode.extensions.getExtension('vscode.git').activate()).getAPI(1);
      const repository = await git.openRepository(vscode.Uri.file(folder));
      await repository.commit('first');
    },
    { folder: made.folder },
  );
  // git puts its own programs in front.
  check(rig, read(made, 'hook').replace(/^\S*\/git-core:/m, ''));
}

async function languageServer(rig) {
  const made = await project(rig);
  const server = await rig.server('language', { more: ['language'] });
  const window = await rig.window({ folder: made.folder, file: `${made.folder}/sample.ts` }, { server });
  const { hover, pid, version } = await until('the language server to answer', () =>
    window.run((vscode) => vscode.extensions.getExtension('rig.language')?.exports?.answer),
  );
  assert.match(hover, /function greeting\(name: string\): string[\s\S]*Says who it is/);
  assert.match(version, /^5\./);
  const program = fs.readlinkSync(`/proc/${pid}/exe`);
  const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  assert.ok(rig.place.isStored(program), program);
  assert.ok(rig.place.isStored(words[1]), words[1]);
  await wasNotAsked(window);
  return `typescript ${version} by ${path.basename(words[1])}, on ${program.replace(/^.*\/store\/[^-]*-([^/]*).*$/, '$1')}`;
}

async function settled(rig) {
  const window = await opened(rig);
  await until('the tools in the tooltip', async () => {
    if (/node.*22\./.test(await window.tooltip())) return true;
    // While the window opens, the bar moves under the pointer.
    await window.page.mouse.move(0, 0);
    return false;
  });
  await wasNotAsked(window);
}

module.exports = [
  { name: 'terminal', title: 'a terminal has the tools, after rc files that put others in front', check: terminal },
  { name: 'shell-task', title: 'so has a task of a shell', check: shellTask },
  { name: 'process-task', title: 'a task of a process has the variables', check: processTask },
  { name: 'debug', title: "node's debugger with the internal console has node and the variables", check: debug },
  { name: 'git-hook', title: 'so has a hook of a commit by the source control view', check: gitHook },
  {
    name: 'language-server',
    title: 'a language server of another extension answers from the project',
    check: languageServer,
  },
  {
    name: 'settled',
    title: 'the status bar names the tools, and nobody was asked to restart anything',
    check: settled,
  },
];
