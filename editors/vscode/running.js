// Runs a command of devshell, as a person would in a terminal.

const childProcess = require('node:child_process');

/** How long a command that was asked to stop may take to tidy up, in milliseconds. */
const TIDYING = 10_000;

/** How to stop each of the commands that run. */
const running = new Set();

/** Asks all that run to stop: the window that shows what they do is closing. */
function stopAll() {
  for (const stop of running) stop();
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {object} how
 * @param {Record<string, string | undefined>} how.env
 * @param {(text: string) => void} [how.said] given what the command says, as it says it
 * @param {import('vscode').CancellationToken} [how.token]
 * @returns {Promise<{code: number | null, out: string, err: string}>} the code is null where a signal ended it
 */
function run(command, args, { env, said = () => {}, token }) {
  return new Promise((resolve, reject) => {
    const child = childProcess.spawn(command, args, {
      cwd: '/',
      env: { ...env, NO_COLOR: '1', TERM: 'dumb' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it has started is reached as well, as by Ctrl-C in a terminal.
      detached: true,
    });
    const signal = (name) => {
      try {
        process.kill(-child.pid, name);
      } catch {
        // It has ended meanwhile.
      }
    };
    let hurry;
    const stop = () => {
      signal('SIGINT');
      hurry ??= setTimeout(() => signal('SIGKILL'), TIDYING);
    };
    running.add(stop);
    const stopping = token?.onCancellationRequested(stop);
    const texts = { out: '', err: '' };
    const listen = (stream, to) => {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        texts[to] += text;
        said(text);
      });
    };
    listen(child.stdout, 'out');
    listen(child.stderr, 'err');
    const end = () => {
      clearTimeout(hurry);
      running.delete(stop);
      stopping?.dispose();
    };
    child.on('error', (error) => {
      end();
      reject(error);
    });
    child.on('close', (code) => {
      end();
      resolve({ code, ...texts });
    });
  });
}

module.exports = { run, stopAll };
