// Loaded before a tool that `with` puts packages beside: what cannot be found from where it is asked for,
// such as a plugin in a project's own configuration, is looked for here.
"use strict";
const { createRequire, registerHooks } = require("node:module");
const { pathToFileURL } = require("node:url");
const here = createRequire(__filename);
const missing = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);
let asking = false;
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (asking || !missing.has(error?.code) || /^(\.{0,2}\/|[a-z]+:|#)/.test(specifier)) throw error;
      asking = true;
      try {
        // Only an import is looked for from where one says; what is required is looked for by its parent.
        return context.conditions?.includes("require")
          ? { url: pathToFileURL(here.resolve(specifier)).href, shortCircuit: true }
          : next(specifier, { ...context, parentURL: pathToFileURL(__filename).href });
      } catch {
        throw error;
      } finally {
        asking = false;
      }
    }
  },
});
