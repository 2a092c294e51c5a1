// Makes what browsers load, frontend/dist/*.js, from frontend/*.ts. Node takes the types out itself, so
// that there is nothing to install.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import path from "node:path";

const source = import.meta.dirname;
const dist = path.join(source, "dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const names = readdirSync(source).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
for (const name of names) {
  const script = stripTypeScriptTypes(readFileSync(path.join(source, name), "utf8"))
    .replaceAll(/(from "\.\/[^"]+)\.ts"/g, '$1.js"');
  writeFileSync(path.join(dist, name.replace(/\.ts$/, ".js")), script);
}
console.log(`frontend: ${names.length} scripts in frontend/dist, by node ${process.versions.node}`);
