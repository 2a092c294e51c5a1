// Makes build/index.html from what the query wrote.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

const build = process.env.BUILD;
const title = process.env.SITE_TITLE;

export function escape(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => names[character]);
}

const [head, ...lines] = (await readFile(path.join(build, "routes.csv"), "utf8")).trim().split("\n");
const row = (line, cell) => `<tr>${line.split(",").map((word) => `<${cell}>${escape(word)}</${cell}>`).join("")}</tr>`;

await writeFile(
  path.join(build, "index.html"),
  `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escape(title)}</title>
<h1>${escape(title)}</h1>
<table>
${row(head, "th")}
${lines.map((line) => row(line, "td")).join("\n")}
</table>
</html>
`,
);
console.log(`page: ${lines.length} routes in build/index.html`);
