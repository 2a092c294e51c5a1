'use strict';

// Runs the language server that Even Better TOML carries, on standard input and output: one message a line.
// Started as: node taplo_server.cjs FOLDER, where FOLDER is one in which npm installed @taplo/lsp.

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { createRequire } = require('node:module');

const { TaploLsp } = createRequire(path.join(process.argv[2], 'package.json'))('@taplo/lsp');

const environment = {
  cwd: () => process.cwd(),
  envVar: () => undefined,
  envVars: () => [],
  findConfigFile: () => undefined,
  glob: () => [],
  isAbsolute: path.isAbsolute,
  now: () => new Date(),
  readFile: (file) => fs.promises.readFile(file),
  writeFile: (file, content) => fs.promises.writeFile(file, content),
  stderr: process.stderr,
  stdErrAtty: () => false,
  stdin: process.stdin,
  stdout: process.stdout,
  urlToFilePath: (url) => decodeURIComponent(url).slice('file://'.length),
  fetch: { fetch, Headers, Request, Response },
};

const onMessage = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

TaploLsp.initialize(environment, { onMessage }).then((server) => {
  readline
    .createInterface({ input: process.stdin })
    .on('line', (line) => server.send(JSON.parse(line)))
    .on('close', () => process.exit(0));
});
