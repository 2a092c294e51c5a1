// The folder of extensions of a server: devshell's own, packaged and installed as users do, and those that look.

const fs = require('node:fs');
const path = require('node:path');
const { command } = require('./server');

const PROBE = path.join(__dirname, 'probe');

/** Other extensions, which only record what they see: beside devshell's in the order that VS Code loads them in. */
const WATCHERS = [
  { publisher: 'aaa', name: 'first', activationEvents: ['*'] },
  { publisher: 'zzz', name: 'last', activationEvents: ['*'] },
  { publisher: 'aaa', name: 'text', activationEvents: ['onLanguage:plaintext'] },
  { publisher: 'aaa', name: 'python', activationEvents: ['onLanguage:python'] },
  { publisher: 'zzz', name: 'snake', activationEvents: ['onLanguage:python'] },
  { publisher: 'aaa', name: 'finished', activationEvents: ['onStartupFinished'] },
];

const RECORDER = `'use strict';
const { record } = require('./record');
const { name } = require('./package.json');
record(name, 'load');
exports.activate = () => record(name, 'activate');
`;

function manifest({ publisher, name, activationEvents }) {
  return JSON.stringify({
    publisher,
    name,
    version: '1.0.0',
    engines: { vscode: '^1.82.0' },
    main: './extension.js',
    extensionKind: ['workspace'],
    activationEvents,
    capabilities: { untrustedWorkspaces: { supported: true } },
  });
}

/** Puts an extension that records, and does nothing else, into a folder of extensions. */
function recorder(place, into, about) {
  const folder = path.join(into, `${about.publisher}.${about.name}-1.0.0`);
  place.write(path.join(folder, 'package.json'), manifest(about));
  place.write(path.join(folder, 'extension.js'), RECORDER);
  fs.copyFileSync(path.join(PROBE, 'record.js'), path.join(folder, 'record.js'));
}

/**
 * Makes a folder of extensions: devshell's, the probes, and those that are asked for.
 *
 * @param {string} own where devshell's is
 * @param {string[]} more folders of tests/vscode, or names for extensions that only record, `publisher.name`
 * @returns {string} its path
 */
function extensions(place, name, own, more = []) {
  const into = path.join(place.base, name);
  fs.cpSync(own, path.join(into, path.basename(own)), { recursive: true });
  for (const folder of ['probe', ...more.filter((each) => !each.includes('.'))]) {
    fs.cpSync(path.join(__dirname, folder), path.join(into, `rig.${folder}-1.0.0`), { recursive: true });
  }
  for (const about of WATCHERS) recorder(place, into, about);
  for (const each of more.filter((one) => one.includes('.'))) {
    const [publisher, own] = each.split('.');
    recorder(place, into, { publisher, name: own, activationEvents: ['*'] });
  }
  return into;
}

/** Installs devshell's extension as users do, into a folder of its own; returns the folder that it is in. */
async function installed(place) {
  const into = path.join(place.base, 'installed');
  fs.mkdirSync(into);
  const editor = command(place, { data: path.join(place.base, 'install', 'data'), extensions: into });
  await place.devshell(['vscode', 'install', '--editor', editor, '--quiet'], { cwd: place.base });
  const found = fs.readdirSync(into).find((name) => name.startsWith('devshell.devshell-'));
  if (!found) throw new Error(`devshell vscode install left nothing in ${into}`);
  return path.join(into, found);
}

module.exports = { WATCHERS, extensions, installed };
