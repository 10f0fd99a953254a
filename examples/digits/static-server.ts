/** Serves a folder to browsers: what any static server does, in a few lines, for the demo and the tests. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

export interface StaticServer {
  readonly url: string;
  readonly server: Server;
}

/** Port 0 takes a free one. */
export function serveFolder(folder: string, port = 0, host = "127.0.0.1"): Promise<StaticServer> {
  const server = createServer((request, response) => {
    // URL resolves "..", so that nothing outside the folder can be asked for.
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    try {
      const body = readFileSync(join(folder, decodeURIComponent(path).replaceAll("..", "")));
      response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      response.end("not found\n");
    }
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, host, () => {
      resolve({ url: `http://${host}:${(server.address() as AddressInfo).port}/`, server });
    });
  });
}
