/**
 * Keyword spotting, from ONNX to bytes: one command compiles it, and every engine gives the same bytes on every development sample,
 * with the float network's accuracy.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Evaluation } from "../../src/driver/evaluate.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { quernOutput } from "../quern.ts";
import { hasCorpus } from "../shared-corpus.ts";
import { compileKws, kwsLabels, kwsSamples } from "./compile-kws.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);
if (compiler === undefined) console.warn("skipped: no C compiler");

describe.skipIf(!hasCorpus || compiler === undefined)("keyword spotting", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-kws-"));
  const compiled = join(folder, "kws");
  const evaluate = async (...more: readonly string[]): Promise<Evaluation> =>
    JSON.parse(
      await quernOutput(
        "evaluate",
        compiled,
        "--inputs",
        kwsSamples,
        "--labels",
        kwsLabels,
        "--json",
        ...more,
      ),
    ) as Evaluation;
  let result: Evaluation;

  beforeAll(async () => {
    await compileKws(compiled);
    result = await evaluate("--engine", "wasm-simd,wasm-scalar,c", "--check-intermediates", "20");
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test("both targets are written, and nothing beside the folder", () => {
    const files = readdirSync(compiled);
    for (const file of ["kws_fp32.c", "kws_fp32.h", "kws_fp32.wasm", "kws_fp32.mjs", "report.json"])
      expect(files).toContain(file);
    expect(readdirSync(folder)).toEqual(["kws"]);
  });

  test("the float network is the one we know", () => {
    expect(result.samples).toBe(450);
    expect(result.reference!.top1!.value).toBeCloseTo(0.891, 3);
  });

  test("top-1 within one point of float, agreement of 97 % or more", () => {
    expect(result.engines.map(({ engine }) => engine)).toEqual(["wasm-simd", "wasm-scalar", "c"]);
    for (const { top1, agreement } of result.engines) {
      expect(top1!.value).toBeGreaterThanOrEqual(0.881);
      expect(agreement!.value).toBeGreaterThanOrEqual(0.97);
    }
  });

  test("C, scalar and SIMD WebAssembly give the same bytes on all samples", () => {
    expect(result.byteEquality).toEqual({ equal: true, samples: 450, mismatches: [] });
  });

  test("every intermediate tensor equals the interpreter's on 20 samples", () => {
    expect(
      result.intermediates!.map(({ engine, samples, differing }) => [engine, samples, differing]),
    ).toEqual(["wasm-simd", "wasm-scalar", "c"].map((engine) => [engine, 20, []]));
    for (const { tensors } of result.intermediates!) expect(tensors).toBeGreaterThanOrEqual(10);
  });

  test("a compiled folder verifies", async () => {
    expect(await quernOutput("verify", compiled)).not.toContain("FAILED");
  });
});
