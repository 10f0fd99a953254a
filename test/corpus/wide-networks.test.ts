/** The benchmark networks with every value in 16 bits: proved, and the same bytes in C, scalar and SIMD WebAssembly, on every tensor. */
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

const chosen = ["ic/ic_fp32", "kws/kws_fp32", "vww/vww_fp32", "ad/ad_fp32", "zoo/mnist_resnet_fp32/model"];

describe.skipIf(!hasCorpus || compiler === undefined)("all values in 16 bits", () => {
  test.each(networks.filter(([model]) => chosen.includes(model)))("%s", async (model, { files, options }) => {
    const file = `${model}.onnx`;
    const { graph, report } = await compile({
      model: { file, bytes: readFileSync(corpusFile(`models/${file}`)) },
      samples: files(),
      sampleOptions: { ...options, limit: calibrationCount },
      name: "net",
      wide: "all",
      // Widths are what is looked at; repair takes its time and changes none.
      pipeline:
        "optimize, calibrate{method=minmax}, insert-fake-quantization, requantize, eliminate-dead-code, prove",
    });
    expect(report.diagnostics).toEqual([]);
    const inner = graph.operations.flatMap(({ result: { type } }) =>
      type.element === "i8" ? [] : [type.element],
    );
    expect(inner.filter((element) => element === "i16").length).toBeGreaterThanOrEqual(3);

    const result = await evaluate({
      graph,
      engines: ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples(files(), graph.inputs, { ...options, limit: 2 }),
      checkIntermediates: 1,
    });
    expect(result.byteEquality).toMatchObject({ equal: true, mismatches: [] });
    for (const { engine, tensors, differing } of result.intermediates ?? []) {
      expect(differing, engine).toEqual([]);
      expect(tensors, engine).toBeGreaterThanOrEqual(3);
    }
  });
});
