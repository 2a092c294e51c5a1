// What was made, and what a browser gets. Everything runs on this machine.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

const build = process.env.BUILD;
const made = (name) => readFile(path.join(build, name));

test("the query counted every route", async () => {
  assert.equal(
    (await made("routes.csv")).toString(),
    `route,departures,passengers,first
Lighthouse Island,3,550,06:40
Salt Bay,2,145,07:15
The Skerries,2,37,09:30
Old Mole & Quay,1,15,12:00
`,
  );
});

test("the checksums are those of the files", async () => {
  for (const line of (await made("SHA256SUMS")).toString().trim().split("\n")) {
    const [digest, name] = line.split("  ");
    assert.equal(createHash("sha256").update(await made(name)).digest("hex"), digest);
  }
});

test("the archive holds the page", async () => {
  const archive = gunzipSync(await made("site.tar.gz"));
  assert.ok(archive.includes("index.html"));
  assert.ok(archive.includes(await made("index.html")));
});

test("the server serves the page and nothing else", async (t) => {
  const server = spawn(process.execPath, ["src/server.mjs", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => server.kill());
  const address = await new Promise((resolve) => {
    createInterface(server.stdout).once("line", (line) => resolve(line.split(" ")[1]));
  });
  const page = await fetch(address);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<td>Old Mole &amp; Quay<\/td><td>1<\/td>/);
  assert.equal((await fetch(`${address}etc/passwd`)).status, 404);
});
