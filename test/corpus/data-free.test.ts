/** Networks that keep their batch normalizations, quantized without a sample: nothing but the input's range is stated. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { coreEngines } from "../../src/driver/engines.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { loadModel } from "../../src/driver/model.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";
import { dataset, images, type Data } from "./networks.ts";

const count = 40;
const cepstra = { mapping: { scale: 0.5847029089927673, zero: 83 } };

/** Decibels: about three less than measured, far more than networks have whose ranges or means are wrong. */
const networks: readonly (readonly [
  string,
  Data,
  low: number,
  high: number,
  ranges: number,
  leastDb: number,
])[] = [
  ["ic/ic_fp32_bn", dataset("ic_jpeg"), 0, 255, 14, 24],
  ["kws/kws_savedmodel_fp32_bn", dataset("kws", cepstra), -123.4, 25.7, 11, 29],
  ["vww/vww_fp32_bn", dataset("vww", images), 0, 1, 29, 22],
  ["sww/sww_fp32_bn", dataset("sww"), 0, 0.944, 8, 29],
  ["ad/ad_keras_fp32_bn", dataset("ad", { window: { frames: 5, hop: 50 } }), -84.85, 14.86, 10, 34],
];

describe.skipIf(!hasCorpus)("without samples", () => {
  test.each(networks)("%s", async (name, { files, options }, min, max, ranges, leastDb) => {
    const file = `${name}.onnx`;
    const model = { file, bytes: readFileSync(corpusFile(`models/${file}`)) };
    const { graph, report } = await compile({
      model,
      name: "net",
      pipeline: "data-free",
      ranges: new Map([["input", { min, max }]]),
    });
    expect(report.diagnostics).toEqual([]);
    const { statistics } = report.passes.find(({ pass }) => pass === "derive-ranges")!;
    expect(statistics).toMatchObject({ given: 1, derived: ranges });

    const { engines, logits, byteEquality } = await evaluate({
      graph,
      engines: ["wasm-simd", "wasm-scalar"],
      factories: coreEngines,
      samples: openSamples(files(), graph.inputs, { ...options, limit: count }),
      reference: { graph: loadModel(model).graph },
    });
    expect(byteEquality).toMatchObject({ equal: true, mismatches: [] });
    expect(logits?.sqnrDb ?? engines[0]!.outputSqnrDb).toBeGreaterThan(leastDb);
  });
});
