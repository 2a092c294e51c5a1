// What other extensions see when they begin, with a file open, which has those of its language begin first of all.

const assert = require('node:assert/strict');
const { WATCHERS } = require('../extensions');
const { until } = require('../wait');
const { hasEnvironment, wasNotAsked } = require('./expect');

const GREETING = 'at the start';

function project(rig) {
  return rig.shared('start', () =>
    rig.place.project('start', { 'devshell.toml': rig.place.manifest('1.0', GREETING), 'main.py': 'print(1)\n' }),
  );
}

async function race(rig) {
  const folder = await project(rig);
  const visitor = await rig.visitor();
  const early = {};
  for (let load = 1; load <= rig.loads; load++) {
    const window = await rig.window({ folder, file: `${folder}/main.py`, visitor });
    await window.ready('start');
    const records = await until('all other extensions to begin', () => {
      const seen = window.records();
      return WATCHERS.every(({ name }) => seen[name]?.activate) && seen;
    });
    for (const [who, { load: loaded, activate }] of Object.entries(records)) {
      assert.doesNotThrow(() => hasEnvironment(rig.place, activate, GREETING), `load ${load}: ${who}`);
      early[who] = (early[who] ?? 0) + (loaded.GREETING === GREETING ? 1 : 0);
    }
    await wasNotAsked(window);
    await rig.closeWindows();
  }
  await visitor.close();
  const loaded = Object.entries(early).map(([who, times]) => `${who} ${times}`);
  return `${rig.loads} of ${rig.loads}; at their top level already: ${loaded.join(', ')}`;
}

module.exports = [
  {
    name: 'race',
    // Nine of ten is lost.
    counts: true,
    title: 'other extensions have the environment when they begin, and nobody is asked to restart',
    check: race,
  },
];
