'use strict';

// Asks as the extension does while VS Code starts, in turn with the smallest process there is, and prints the times.
// node vscode.js COMMAND FOLDER ROUNDS: JSON of two lists of milliseconds, `question` and `process`.

const { execFileSync } = require('node:child_process');
const { performance } = require('node:perf_hooks');
const { apply, difference } = require('../editors/vscode/environment');
const { askNow } = require('../editors/vscode/devshell');

const WARMUPS = 3;
const [command, folder, rounds] = process.argv.slice(2);

function timed(act) {
  const begun = performance.now();
  act();
  return performance.now() - begun;
}

// Applied as well: what is measured is all that others have to wait for.
const question = () => apply(difference(askNow(command, folder, process.env), process.env), { ...process.env });
const smallest = () => execFileSync('dash', ['-c', 'true']);
const times = { question: [], process: [] };
for (let round = -WARMUPS; round < Number(rounds); round++) {
  const pair = { question: timed(question), process: timed(smallest) };
  if (round >= 0) for (const [name, milliseconds] of Object.entries(pair)) times[name].push(milliseconds);
}
console.log(JSON.stringify(times));
