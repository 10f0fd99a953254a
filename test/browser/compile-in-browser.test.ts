/**
 * The compiler's core runs unchanged in a browser: bundled as an application would bundle it, compiling in Chromium, it gives the files
 * that Node gives, byte for byte.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { serveFolder } from "../../examples/digits/static-server.ts";
import { chromiumPath, launchChromium, noChromium } from "./chromium.ts";
import { bundle, compileAndHash, core } from "./bundle.ts";
import { compileDigits, digitsModel, digitsSamples, hashesOf } from "./compile-digits.ts";

if (chromiumPath === undefined) console.log(noChromium);

const script = `
import { compile, npyFromBytes, DiagnosticError } from ${JSON.stringify(core)};

const read = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());

globalThis.compileHere = async () => {
  ${compileAndHash('await read("digits.onnx")', 'await read("digits.npy")')}
  return hashes;
};
globalThis.compileNonsense = () =>
  compile({ model: { file: "x.onnx", bytes: new Uint8Array([1, 2, 3]) }, samples: [] }).then(
    () => "compiled",
    (error) => (error instanceof DiagnosticError ? error.diagnostics[0].code : String(error)),
  );
`;

describe.skipIf(chromiumPath === undefined)("the core in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-browser-"));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("compiles the example to Node's bytes", async () => {
    const out = await bundle(folder, script);
    writeFileSync(join(out, "index.html"), '<!doctype html><script type="module" src="bundle.mjs"></script>');
    writeFileSync(join(out, "digits.onnx"), digitsModel());
    writeFileSync(join(out, "digits.npy"), digitsSamples());
    const { url, server } = await serveFolder(out);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(String(error)));
      await page.goto(url);
      expect(faults).toEqual([]);
      const found = new Map(await page.evaluate<[string, string][]>("compileHere()"));
      expect([...found]).toEqual(await hashesOf(await compileDigits()));
      expect(found.size).toBeGreaterThanOrEqual(8);
      expect(await page.evaluate("compileNonsense()")).toMatch(/^onnx-/);
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
