// Documents to read: what a project would be allowed, and what its environment is. They are in no file.

const vscode = require('vscode');
const { plain } = require('./plain');

const SCHEME = 'devshell';

class Documents {
  #texts = new Map();
  #changed = new vscode.EventEmitter();
  #provider;

  constructor() {
    this.#provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      onDidChange: this.#changed.event,
      provideTextDocumentContent: (uri) => this.#texts.get(uri.toString()) ?? '',
    });
  }

  /**
   * Shows a text in an editor of its own.
   *
   * @param {string} title
   * @param {string} text
   * @returns {Promise<string>} its URI
   */
  async show(title, text) {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${plain(title, 100).replaceAll('/', '∕')}` });
    this.#texts.set(uri.toString(), text);
    this.#changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
    return uri.toString();
  }

  dispose() {
    this.#provider.dispose();
    this.#changed.dispose();
    this.#texts.clear();
  }
}

module.exports = { Documents };
