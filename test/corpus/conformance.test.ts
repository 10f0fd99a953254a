/**
 * ONNX's own cases (`npm run conformance` runs them all): every case through the interpreter and SIMD WebAssembly, some through C too. What
 * does not pass is on the list, with its reason, and nothing else is.
 */
import { describe, expect, test } from "vitest";
import { existsSync } from "node:fs";
import { noHostCompiler } from "../backends/c/compilers.ts";
import { notPassed } from "../conformance/not-passed.ts";
import { runCase } from "../conformance/run-case.ts";
import { readManifest } from "../conformance/suite.ts";
import { corpusFile } from "../shared-corpus.ts";

const folder = corpusFile("onnx-conformance");
const present = existsSync(folder);
const cases = present ? readManifest(folder).filter(({ heavy }) => heavy !== true) : [];

describe.skipIf(!present)("ONNX's own cases", () => {
  test("pass, but for those on the list", async () => {
    const surprises: string[] = [];
    for (const given of cases) {
      const verdict = await runCase(folder, given, ["interpreter", "wasm-simd"]);
      const listed = Object.hasOwn(notPassed, given.case);
      if (verdict.passed && listed) surprises.push(`${given.case} passes, but is listed`);
      if (!verdict.passed && !listed) surprises.push(`${given.case}: ${verdict.stage}: ${verdict.message}`);
    }
    expect(surprises).toEqual([]);
    expect(cases.length).toBeGreaterThan(1000);
  });

  test.skipIf(noHostCompiler)("every twentieth passes as C", async () => {
    const failures: string[] = [];
    for (const given of cases.filter((_, i) => i % 20 === 7)) {
      if (Object.hasOwn(notPassed, given.case)) continue;
      const verdict = await runCase(folder, given, ["c"]);
      if (!verdict.passed) failures.push(`${given.case}: ${verdict.message}`);
    }
    expect(failures).toEqual([]);
  });
});
