// What is wrong in a manifest, underlined at its line.

const vscode = require('vscode');

const END_OF_LINE = 10_000;

function toDiagnostic({ line, key, message, hint }, state) {
  const at = Math.max(0, (line ?? 1) - 1);
  const diagnostic = new vscode.Diagnostic(
    new vscode.Range(at, 0, at, END_OF_LINE),
    hint ? `${message}\n${hint}` : message,
    state === 'ready' ? vscode.DiagnosticSeverity.Warning : vscode.DiagnosticSeverity.Error,
  );
  diagnostic.source = 'devshell';
  if (key) diagnostic.code = key;
  return diagnostic;
}

class Problems {
  #collection = vscode.languages.createDiagnosticCollection('devshell');
  #subscription;

  /** @param {import('./following').Following} following */
  constructor(following) {
    this.#subscription = following.onDidUpdate(() => this.#show(following.places));
  }

  dispose() {
    this.#subscription.dispose();
    this.#collection.dispose();
  }

  #show(places) {
    const files = new Map();
    // Two folders of a window may lie in one project.
    const seen = new Set();
    for (const { answer } of places) {
      for (const problem of answer?.problems ?? []) {
        const { file, line, key, message } = problem;
        const same = JSON.stringify([file, line, key, message]);
        if (seen.has(same)) continue;
        seen.add(same);
        files.set(file, [...(files.get(file) ?? []), toDiagnostic(problem, answer.state)]);
      }
    }
    this.#collection.forEach((uri) => {
      if (!files.has(uri.fsPath)) this.#collection.delete(uri);
    });
    for (const [file, diagnostics] of files) this.#collection.set(vscode.Uri.file(file), diagnostics);
  }
}

module.exports = { Problems };
