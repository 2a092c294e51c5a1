// The command `devshell`: where it is, and asking it. What a project may do, and whether it is fresh, it alone knows.

const childProcess = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** How long other extensions are kept waiting for an answer, in milliseconds. */
const PATIENCE_AT_START = 10_000;
/** How long an answer may take when nobody waits, in milliseconds. */
const PATIENCE = 60_000;
const LARGEST_ANSWER = 64 * 1024 * 1024;
const FORMAT = 1;

/** The command could not be found, or could not say; `kind` is "missing" or "failed". The message is for people. */
class DevshellError extends Error {
  /**
   * @param {'missing' | 'failed'} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.name = 'DevshellError';
    this.kind = kind;
  }
}

function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function real(folder) {
  try {
    return fs.realpathSync(folder);
  } catch {
    return folder;
  }
}

function isWithin(file, folder) {
  const between = path.relative(folder, file);
  return between === '' || (between !== '..' && !between.startsWith('../'));
}

/** The command that installed the extension, or '' where it was not installed by one or that one is gone. */
function installedBy(beside) {
  try {
    const { command } = JSON.parse(fs.readFileSync(path.join(beside, 'launcher.json'), 'utf8'));
    return typeof command === 'string' && path.isAbsolute(command) && isProgram(command) ? command : '';
  } catch {
    return '';
  }
}

/**
 * Finds the command.
 *
 * A project must not be able to bring its own: nothing relative, and nothing below a folder of the workspace.
 *
 * @param {{setting: string, env: Record<string, string | undefined>, workspace: string[], beside?: string}} where
 *   `setting` is the user's own word, `workspace` the folders that are open, `beside` the extension's folder.
 * @returns {string} its absolute path
 * @throws {DevshellError} "missing"
 */
function find({ setting, env, workspace, beside = __dirname }) {
  if (process.platform === 'win32') {
    throw new DevshellError('missing', 'devshell does not work on Windows itself: open the folder in WSL.');
  }
  const home = env.HOME ?? '';
  if (setting) {
    const named = setting.startsWith('~/') && home ? path.join(home, setting.slice(2)) : setting;
    if (path.isAbsolute(named) && isProgram(named)) return named;
    throw new DevshellError('missing', `The setting devshell.executable names ${setting}, which is no program.`);
  }
  const installed = installedBy(beside);
  if (installed) return installed;

  const projects = [...workspace, ...workspace.map(real)];
  const usual = [...(home ? [path.join(home, '.local/bin')] : []), '/opt/homebrew/bin', '/usr/local/bin'];
  for (const folder of [...(env.PATH ?? '').split(':'), ...usual]) {
    if (!path.isAbsolute(folder)) continue;
    const candidate = path.join(folder, 'devshell');
    if (!isProgram(candidate)) continue;
    if (projects.some((project) => isWithin(candidate, project) || isWithin(real(candidate), project))) continue;
    return candidate;
  }
  throw new DevshellError('missing', 'The command devshell was not found.');
}

function isAnswer(value) {
  const texts = (list) => Array.isArray(list) && list.every((each) => typeof each === 'string');
  return (
    value !== null &&
    typeof value === 'object' &&
    value.format === FORMAT &&
    typeof value.state === 'string' &&
    texts(value.path) &&
    texts(value.watch) &&
    Array.isArray(value.problems) &&
    value.variables !== null &&
    typeof value.variables === 'object' &&
    Object.values(value.variables).every((each) => each === null || typeof each === 'string')
  );
}

function read(text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  if (isAnswer(answer)) return answer;
  throw new DevshellError(
    'failed',
    'The command devshell and this extension are of releases that do not fit: run `devshell vscode install` again.',
  );
}

function question(folder) {
  return ['-C', folder, 'export', 'json', '--full'];
}

// Started from `/`: the folder that the extension host runs in may be gone.
function options(env, timeout) {
  return { cwd: '/', env, encoding: 'utf8', timeout, maxBuffer: LARGEST_ANSWER, killSignal: 'SIGKILL' };
}

function reason(error, stderr, timeout) {
  if (error.code === 'ETIMEDOUT' || (error.killed && error.signal)) {
    return `The command devshell gave no answer within ${timeout / 1000} s.`;
  }
  const said = (stderr ?? '').trim().split('\n')[0].slice(0, 500);
  return said || `The command devshell could not be asked: ${error.message.split('\n')[0].slice(0, 500)}`;
}

/**
 * Asks what `folder` is to have in the environment `env`, and waits.
 *
 * @param {string} command
 * @param {string} folder absolute
 * @param {Record<string, string | undefined>} env
 * @returns {object} the answer of `devshell export json --full`
 * @throws {DevshellError} "failed"
 */
function askNow(command, folder, env, timeout = PATIENCE_AT_START) {
  let text;
  try {
    text = childProcess.execFileSync(command, question(folder), {
      ...options(env, timeout),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw new DevshellError('failed', reason(error, error.stderr, timeout));
  }
  return read(text);
}

/**
 * Asks as askNow does, without keeping anybody waiting.
 *
 * @returns {Promise<object>}
 */
function ask(command, folder, env, timeout = PATIENCE) {
  return new Promise((resolve, reject) => {
    const child = childProcess.execFile(command, question(folder), options(env, timeout), (error, text, stderr) => {
      if (error) {
        reject(new DevshellError('failed', reason(error, stderr, timeout)));
        return;
      }
      try {
        resolve(read(text));
      } catch (unfit) {
        reject(unfit);
      }
    });
    child.stdin?.end();
  });
}

module.exports = { DevshellError, find, askNow, ask, isWithin };
