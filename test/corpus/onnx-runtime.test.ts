/** The exported QDQ model in ONNX Runtime: each layer, fed with our integers, gives ours, to a step (docs/onnx-export.md). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { compareLayers } from "../../bench/onnx-runtime/layers.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { pipelineSteps } from "../../src/driver/pipeline-steps.ts";
import { loadModel } from "../../src/driver/model.ts";
import { openSamples } from "../../src/driver/samples.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";
import { calibrationCount, networks } from "./networks.ts";

const fast =
  "optimize, calibrate{method=minmax}, insert-fake-quantization, widen-outputs{when=always}, requantize, " +
  "eliminate-common-subexpressions, eliminate-dead-code";

interface Prepared {
  readonly fake: Graph;
  readonly stored: Graph;
  readonly samples: readonly (readonly Tensor[])[];
}

async function prepare(file: string): Promise<Prepared> {
  const [, data] = networks.find(([name]) => name === file)!;
  const name = `${file}.onnx`;
  const { graph } = loadModel({ file: name, bytes: readFileSync(corpusFile(`models/${name}`)) });
  const samples = openSamples(data.files(), graph.inputs, { ...data.options, limit: calibrationCount });
  const context = contextFor(samples, () => undefined);
  await runPipeline(graph, pipelineSteps(fast), passes, context);
  const few: (readonly Tensor[])[] = [];
  for (const sample of samples.batches()) {
    few.push(sample.map((tensor) => ({ ...tensor, data: tensor.data.slice() })));
    if (few.length === 3) break;
  }
  return { fake: context.snapshots.get("fake-quantized")!, stored: graph, samples: few };
}

describe.skipIf(!hasCorpus)("layers in ONNX Runtime", () => {
  test.each(["ic/ic_fp32", "kws/kws_fp32", "vww/vww_fp32", "ad/ad_fp32", "sww/sww_fp32_bn"])(
    "%s",
    async (file) => {
      const { fake, stored, samples } = await prepare(file);
      const layers = await compareLayers(fake, stored, samples);
      expect(layers.length).toBeGreaterThan(8);
      for (const { name, elements, equal, largest } of layers) {
        expect(largest, name).toBeLessThanOrEqual(1);
        expect(equal / elements, name).toBeGreaterThanOrEqual(0.99);
      }
    },
  );

  test("a wrong integer would be seen", async () => {
    const { fake, stored, samples } = await prepare("kws/kws_fp32");
    const last = stored.operations.findLast(({ definition }) => definition.name === "requantize")!;
    const attributes = { ...last.attributes, clamp: [-128, 0] };
    const { result } = stored.createGeneric(last.definition, last.operands, attributes, {
      before: last,
      type: last.result.type,
    });
    stored.replace(last, result);
    const layers = await compareLayers(fake, stored, samples);
    expect(layers.filter(({ largest }) => largest > 1)).toHaveLength(1);
  });
});
