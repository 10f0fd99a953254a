/** Shows the page that draws digits: `npm run demo:serve -- [--port 8000] [--host 0.0.0.0]`; the latter lets a phone in. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { serveFolder } from "./static-server.ts";

const folder = "build/digits/web";
const { values } = parseArgs({
  options: { port: { type: "string", default: "8000" }, host: { type: "string", default: "127.0.0.1" } },
});
if (!existsSync(folder)) {
  console.error(`${folder} is not there yet: run 'npm run demo' first`);
  process.exit(1);
}
const { url } = await serveFolder(folder, Number(values.port), values.host);
console.log(`${url} (Ctrl-C stops)`);
