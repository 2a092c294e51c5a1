// Sees that one of a list of files has changed, come or gone. The folders are watched and not the files: what replaces
// a file by renaming, as devshell and most editors do, gives it another inode.

const fs = require('node:fs');
const path = require('node:path');

/** How long after the last event it is told, in milliseconds: what writes one file mostly writes several. */
const SETTLING = 100;
/** How often files are looked at where they cannot be watched, in milliseconds. */
const INTERVAL = 2000;

/** What tells one state of a file from another, also of what a link leads to. */
function signature(file) {
  const of = (stat) => {
    try {
      const { dev, ino, size, ctimeMs } = stat(file);
      return [`${dev}:${ino}:${size}:${ctimeMs}`, ctimeMs];
    } catch {
      return ['absent', 0];
    }
  };
  const [own, ownTime] = of(fs.lstatSync);
  const [target, targetTime] = of(fs.statSync);
  // A file's time is finer than the clock that it is compared with.
  return { text: `${own} ${target}`, time: Math.floor(Math.max(ownTime, targetTime)) };
}

function identity(folder) {
  try {
    const stat = fs.statSync(folder);
    return stat.isDirectory() ? `${stat.dev}:${stat.ino}` : '';
  } catch {
    return '';
  }
}

/** The folder to watch for `file`, and the name in it to wait for: the nearest folder that there is. */
function anchor(file) {
  let [folder, name] = [path.dirname(file), path.basename(file)];
  while (!identity(folder) && folder !== path.dirname(folder)) {
    [folder, name] = [path.dirname(folder), path.basename(folder)];
  }
  return [folder, name];
}

class Watching {
  #changed;
  #watch;
  #settling;
  #interval;
  #folders = new Map();
  #polling;
  #seen = new Map();
  #missed = false;
  #timer;

  /**
   * @param {() => void} changed called after a change, once for a burst of them
   * @param {{watch?: typeof fs.watch, settling?: number, interval?: number}} [by]
   */
  constructor(changed, { watch = fs.watch, settling = SETTLING, interval = INTERVAL } = {}) {
    this.#changed = changed;
    this.#watch = watch;
    this.#settling = settling;
    this.#interval = interval;
  }

  /**
   * Watches these files instead of those before.
   *
   * @param {string[]} files absolute; they need not exist
   * @param {number} since when what is known of them was read, in ms since 1970: a later change is told at once
   */
  follow(files, since) {
    const before = this.#seen;
    this.#seen = new Map();
    for (const file of files) {
      const { text, time } = signature(file);
      this.#seen.set(file, text);
      // By its signature once a file is known: a server whose clock is ahead must not make this go round for ever.
      this.#missed ||= before.has(file) ? before.get(file) !== text : time > since;
    }
    this.#arm();
    if (this.#missed) this.#later();
  }

  /** Looks whether something has changed that no event told of, as on some network file systems. */
  check() {
    for (const [file, text] of this.#seen) {
      if (signature(file).text === text) continue;
      this.#later();
      return;
    }
  }

  dispose() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
    this.#poll(false);
    this.#seen.clear();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), this.#settling);
  }

  #settle() {
    this.#timer = undefined;
    let changed = this.#missed;
    this.#missed = false;
    for (const [file, text] of this.#seen) {
      const now = signature(file).text;
      changed ||= now !== text;
      this.#seen.set(file, now);
    }
    // A folder that was waited for may be there now, and one that was watched may be another one.
    this.#arm();
    if (changed) this.#changed();
  }

  #arm() {
    const wanted = new Map();
    for (const file of this.#files()) {
      const [folder, name] = anchor(file);
      if (!wanted.has(folder)) wanted.set(folder, new Set());
      wanted.get(folder).add(name);
    }
    for (const [folder, { watcher, inode }] of this.#folders) {
      if (wanted.has(folder) && identity(folder) === inode) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    let blind = false;
    for (const [folder, names] of wanted) {
      const armed = this.#folders.get(folder) ?? this.#begin(folder);
      if (armed) armed.names = names;
      else blind = true;
    }
    this.#poll(blind);
  }

  /** The files, and those that links among them lead to. */
  #files() {
    const files = new Set(this.#seen.keys());
    for (const file of this.#seen.keys()) {
      try {
        files.add(fs.realpathSync(file));
      } catch {
        // It is not there, or leads nowhere.
      }
    }
    return files;
  }

  #begin(folder) {
    const armed = { names: new Set(), inode: identity(folder), watcher: undefined };
    const own = path.basename(folder);
    try {
      armed.watcher = this.#watch(folder, { persistent: false }, (_, name) => {
        // With the folder's own name, it is the folder that has gone or moved.
        if (name === null || name === own || armed.names.has(name)) this.#later();
      });
    } catch {
      // There are no watches left on this machine, or the folder may not be read.
      return undefined;
    }
    armed.watcher.on('error', () => {
      armed.watcher.close();
      this.#folders.delete(folder);
      this.#later();
    });
    this.#folders.set(folder, armed);
    return armed;
  }

  /** Looks at the files now and then, where an event cannot be waited for. */
  #poll(needed) {
    clearInterval(this.#polling);
    this.#polling = needed ? setInterval(() => this.check(), this.#interval).unref() : undefined;
  }
}

module.exports = { Watching };
