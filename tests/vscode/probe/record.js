// What another extension sees of the environment: at its own top level, and when it is activated.

const fs = require('node:fs');
const path = require('node:path');

/**
 * @param {string} who
 * @param {'load' | 'activate'} at
 */
function record(who, at) {
  const folder = process.env.RIG_PLACE;
  // One that is not begun by the rig has nobody to tell.
  if (!folder) return;
  const file = path.join(folder, 'records', `${process.pid}-${who}-${at}`);
  fs.writeFileSync(`${file}-part`, JSON.stringify(process.env));
  fs.renameSync(`${file}-part`, file);
}

module.exports = { record };
