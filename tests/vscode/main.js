// Begins a user, a server and a browser, and runs the checks one after the other.

const fs = require('node:fs');
const path = require('node:path');
const { KEPT } = require('./place');
const { Rig } = require('./rig');

const CHECKS = ['table', 'start', 'following', 'trust', 'folders', 'shells', 'editing', 'outside', 'pictures'].flatMap(
  (name) => require(`./checks/${name}`),
);
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** Pictures of what failed. */
const FAILED = path.join(KEPT, 'failed');
const USAGE = `usage: scripts/test-vscode [--again] [--keep] [--loads N] [--screenshots DIR] [CHECK…]
  --again            what failed is run once more, with everything begun anew, but for what counts how often it holds
  --keep             leave the user's folder where it is, and say where
  --loads N          how often the start is checked (20)
  --screenshots DIR  write the pictures of docs/vscode.md into DIR

checks: ${CHECKS.map(({ name }) => name).join(', ')}`;

function asked(words) {
  const options = { again: false, keep: false, loads: 20, pictures: '', names: [] };
  for (let at = 0; at < words.length; at++) {
    if (words[at] === '--again') options.again = true;
    else if (words[at] === '--keep') options.keep = true;
    else if (words[at] === '--loads' && Number(words[at + 1]) > 0) options.loads = Number(words[++at]);
    else if (words[at] === '--screenshots' && words[at + 1]) options.pictures = path.resolve(words[++at]);
    else if (CHECKS.some(({ name }) => name === words[at])) options.names.push(words[at]);
    else return undefined;
  }
  return options;
}

function isWanted({ name }, { names, pictures }) {
  const asked = names.length === 0 || names.includes(name);
  return asked && (name !== 'pictures' || Boolean(pictures));
}

async function main(words) {
  if (words.includes('--help') || words.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const options = asked(words);
  if (!options) {
    console.error(USAGE);
    return 2;
  }
  fs.rmSync(FAILED, { recursive: true, force: true });
  let failed = await runAll(
    CHECKS.filter((each) => isWanted(each, options)),
    options,
  );
  // A browser on a busy machine is no clock. That it took two tries is said.
  if (options.again && failed.length > 0 && !failed.some(({ counts }) => counts)) {
    console.log(`once more: ${failed.map(({ name }) => name).join(', ')}`);
    failed = await runAll(failed, options);
  }
  console.log(failed.length ? `FAILED: ${failed.length}` : 'all passed');
  return failed.length ? 1 : 0;
}

/** Runs checks with one rig. @returns those that failed */
async function runAll(checks, options) {
  const rig = await Rig.begin(options);
  const stop = () => rig.end(options.keep).finally(() => process.exit(130));
  for (const signal of SIGNALS) process.once(signal, stop);
  const failed = [];
  try {
    for (const check of checks) {
      if (!(await run(rig, check))) failed.push(check);
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await rig.end(options.keep);
  }
  if (options.keep) console.log(`kept: ${rig.place.base}`);
  return failed;
}

/** Runs one check; says how it went, and keeps a picture of what there was to see if it failed. */
async function run(rig, { name, title, check }) {
  const begun = Date.now();
  const seconds = () => `${((Date.now() - begun) / 1000).toFixed(1)} s`;
  try {
    const note = await check(rig);
    console.log(`ok      ${name}: ${title}${note ? ` (${note})` : ''}, ${seconds()}`);
    return true;
  } catch (error) {
    console.log(
      `FAILED  ${name}: ${title}, ${seconds()}\n${String(error?.stack ?? error).replaceAll(/^/gm, '        ')}`,
    );
    await rig.keepPictures(path.join(FAILED, name));
    return false;
  } finally {
    await rig.closeWindows();
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
