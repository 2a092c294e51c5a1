// All that the checks share: one user, one browser, servers and windows as they are asked for.

const fs = require('node:fs');
const path = require('node:path');
const { extensions, installed } = require('./extensions');
const { Hosts } = require('./hosts');
const { MARK, Place, TOOLS } = require('./place');
const { Server } = require('./server');
const { Window } = require('./window');

const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
];

function playwright() {
  const command = fs.realpathSync(path.join(TOOLS, 'playwright-core'));
  return require(path.resolve(command, '..', '..', 'lib', 'node_modules', 'playwright-core'));
}

function browser(place) {
  // Signals are this program's business, which has more to end.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  const env = { ...process.env, HOME: place.home, [MARK]: place.base };
  return playwright().chromium.launch({ executablePath: path.join(TOOLS, 'chromium'), args: FLAGS, env, ...signals });
}

class Rig {
  #servers = new Map();
  #windows = [];
  #projects = new Map();

  static async begin({ loads, pictures }) {
    const rig = new Rig();
    rig.loads = loads;
    rig.pictures = pictures;
    if (pictures) fs.mkdirSync(pictures, { recursive: true });
    rig.place = await Place.make();
    try {
      rig.hosts = new Hosts(rig.place.socket);
      rig.extension = await installed(rig.place);
      rig.browser = await browser(rig.place);
    } catch (error) {
      await rig.place.remove();
      throw error;
    }
    return rig;
  }

  /**
   * A server by its name, begun when it is first asked for.
   *
   * @param {string} name
   * @param {object} [how] see Server, and `more` of extensions.js
   */
  async server(name = 'plain', { more, ...how } = {}) {
    if (!this.#servers.has(name)) {
      const folder = extensions(this.place, `${name}-extensions`, this.extension, more);
      this.#servers.set(name, await Server.start(this.place, { name, extensions: folder, ...how }));
    }
    return this.#servers.get(name);
  }

  /** Somebody who has not been here before. */
  visitor() {
    return this.browser.newContext({ viewport: { width: 1100, height: 680 } });
  }

  /** Opens a window; it is closed after the check unless `stays`. */
  async window(what, { server, stays = false } = {}) {
    const window = await Window.open(this, server ?? (await this.server()), what);
    this.#windows.push({ window, stays });
    return window;
  }

  /** A value that several checks use, made when it is first asked for. */
  async shared(name, make) {
    if (!this.#projects.has(name)) this.#projects.set(name, make());
    return this.#projects.get(name);
  }

  async closeWindows(all = false) {
    const going = this.#windows.filter(({ stays }) => all || !stays);
    this.#windows = this.#windows.filter((each) => !going.includes(each));
    for (const { window } of going) await window.close();
  }

  /** Keeps pictures of all windows, to see later what was wrong. */
  async keepPictures(prefix) {
    fs.mkdirSync(path.dirname(prefix), { recursive: true });
    for (const [number, { window }] of this.#windows.entries()) {
      await window.page.screenshot({ path: `${prefix}-${number}.png` }).catch(() => {});
    }
  }

  async end(keep) {
    await this.closeWindows(true);
    await this.browser.close();
    for (const server of this.#servers.values()) await server.stop();
    this.hosts.close();
    if (keep) this.place.end();
    else await this.place.remove();
  }
}

module.exports = { Rig };
