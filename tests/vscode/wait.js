/** How long something may take before it counts as not happening, in milliseconds: generous, for busy machines. */
const PATIENCE = 60_000;

/**
 * Waits until a condition holds.
 *
 * @template T
 * @param {string} what for the message, such as "the prompt to appear"
 * @param {() => T | Promise<T>} condition asked again and again; any true value is the answer
 * @returns {Promise<T>}
 * @throws {Error} after `patience` milliseconds
 */
async function until(what, condition, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${patience / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

module.exports = { PATIENCE, until };
