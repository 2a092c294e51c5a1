// Serves build/index.html: `node src/server.mjs [port]`, where port 0 takes any free one.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";

const page = path.join(process.env.BUILD, "index.html");

const server = createServer(async (request, response) => {
  if (request.url !== "/") {
    response.writeHead(404, { "content-type": "text/plain" }).end("not here\n");
    return;
  }
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(await readFile(page));
});

server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  console.log(`serving http://127.0.0.1:${server.address().port}/`);
});
