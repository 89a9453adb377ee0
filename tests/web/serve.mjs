// A static server that knows ranges, for tests and measurements: serve(folder) -> {url, requests, bytes, close}.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

export function serve(folder) {
  const root = path.resolve(folder),
    seen = { requests: [], bytes: 0 };
  const server = http.createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://x").pathname),
      file = path.join(root, name.endsWith("/") ? `${name}index.html` : name);
    if (!file.startsWith(root) || !fs.existsSync(file) || !fs.statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    const { size } = fs.statSync(file),
      asked = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? ""),
      from = asked ? Number(asked[1]) : 0,
      to = asked ? Math.min(Number(asked[2]), size - 1) : size - 1,
      head = {
        "Content-Type": types[path.extname(file)] ?? "application/octet-stream",
        "Content-Length": Math.max(to - from + 1, 0),
      };
    if (asked) head["Content-Range"] = `bytes ${from}-${to}/${size}`;
    seen.requests.push(name);
    seen.bytes += to - from + 1;
    response.writeHead(asked ? 206 : 200, head);
    if (to < from) response.end();
    else fs.createReadStream(file, { start: from, end: to }).pipe(response);
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}/`,
        seen,
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      }),
    ),
  );
}
