/**
 * Every network the compiler is made for, from ONNX to bytes: it compiles with the default options, nothing is left in floats, and
 * compiled C, scalar and SIMD WebAssembly give the same bytes, on every tensor where the interpreter is fast enough to say.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";
import { calibrationCount, networks } from "./networks.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);
if (compiler === undefined) console.warn("skipped: no C compiler");

const sampleCount = 3;
/** The interpreter takes tens of nanoseconds a multiply-accumulate. */
const interpretableMacs = 20e6;

describe.skipIf(!hasCorpus || compiler === undefined)("from ONNX to equal bytes", () => {
  test.each(networks)("%s", async (model, { files, options }) => {
    const file = `${model}.onnx`;
    const bytes = readFileSync(corpusFile(`models/${file}`));
    const compiled = await compile({
      model: { file, bytes },
      samples: files(),
      sampleOptions: { ...options, limit: calibrationCount },
      name: "net",
    });
    expect([...compiled.files.keys()]).toEqual(
      expect.arrayContaining(["net.c", "net.h", "net.wasm", "net.mjs", "net.qir"]),
    );
    expect(compiled.report.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);

    const result = await evaluate({
      graph: compiled.graph,
      engines: ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples(files(), compiled.graph.inputs, { ...options, limit: sampleCount }),
      ...(compiled.report.macs <= interpretableMacs ? { checkIntermediates: 1 } : {}),
    });
    expect(result.byteEquality).toMatchObject({ equal: true, mismatches: [] });
    expect(result.byteEquality!.samples).toBeGreaterThanOrEqual(sampleCount);
    for (const { engine, tensors, differing } of result.intermediates ?? []) {
      expect(differing, engine).toEqual([]);
      expect(tensors, engine).toBeGreaterThanOrEqual(3);
    }
  });
});
