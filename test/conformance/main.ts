/**
 * `npm run conformance [-- DIR] [--c] [--heavy] [--only TEXT] [--verbose]`: ONNX's own cases through the compiler.
 *
 * Prints the pass rate by tier and suite, and fails on every case that does not pass and is not on the list (not-passed.ts), and on
 * every case of the list that passes. DIR defaults to `onnx-conformance` of the corpus.
 */
import path from "node:path";
import { parseArgs } from "node:util";
import type { EngineName } from "../../src/driver/engines.ts";
import { notPassed } from "./not-passed.ts";
import { runCase, type Verdict } from "./run-case.ts";
import { readManifest, type ConformanceCase } from "./suite.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    c: { type: "boolean", default: false },
    heavy: { type: "boolean", default: false },
    only: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

const corpus = process.env.QUERN_CORPUS ?? path.resolve("../shared");
const folder = positionals[0] ?? path.join(corpus, "onnx-conformance");
const engines: EngineName[] = ["interpreter", "wasm-simd", ...(options.c ? (["c"] as const) : [])];
const chosen = readManifest(folder).filter(
  ({ case: name, heavy, ops }) =>
    (options.heavy || heavy !== true) &&
    (options.only === undefined || name.includes(options.only) || ops.includes(options.only)),
);

const results: { readonly given: ConformanceCase; readonly verdict: Verdict }[] = [];
const surprises: string[] = [];
for (const given of chosen) {
  const verdict = await runCase(folder, given, engines);
  results.push({ given, verdict });
  const reason = notPassed[given.case];
  if (verdict.passed && reason !== undefined)
    surprises.push(`${given.case} passes, but is listed: ${reason}`);
  if (!verdict.passed) {
    const text = `${given.case}: ${verdict.stage}: ${verdict.message}`;
    if (reason === undefined) surprises.push(text);
    if (options.verbose) console.log(text);
  }
}

const rate = (of: typeof results): string => {
  const passed = of.filter(({ verdict }) => verdict.passed).length;
  return `${passed} of ${of.length} (${((100 * passed) / Math.max(1, of.length)).toFixed(1)} %)`;
};
const groups = (key: "tier" | "suite"): string[] => [...new Set(chosen.map((given) => given[key]))].sort();
for (const key of ["tier", "suite"] as const)
  for (const name of groups(key))
    console.log(`${key} ${name}: ${rate(results.filter(({ given }) => given[key] === name))}`);
console.log(`all: ${rate(results)}, through ${engines.join(", ")}`);
for (const surprise of surprises) console.log(`unexpected: ${surprise}`);
if (surprises.length > 0 || chosen.length === 0) process.exitCode = 1;
