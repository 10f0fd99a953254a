/**
 * Channels masked with zeros and channels removed give the same bytes, on every network of the corpus: as imported, optimized, and
 * compiled to integers with the same ranges.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { pipelines } from "../../passes/pipelines.ts";
import { dependencyGroups } from "../../passes/prune/dependency-groups.ts";
import { applyPruning, PruningPlanner } from "../../passes/prune/pruning.ts";
import { toStored } from "../../src/driver/boundary.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { measuringExecutor } from "../../src/driver/engines.ts";
import { measureGraph } from "../../src/driver/layers.ts";
import { loadModel } from "../../src/driver/model.ts";
import { openSamples, type Samples } from "../../src/driver/samples.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createRandom } from "../../src/pass/random.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";
import { networks, type Data } from "./networks.ts";

const sampleCount = 3;

/** Keeps the first channel of each group and about half of the others. */
function maskAtRandom(graph: Graph, seed: number): number {
  const random = createRandom(seed);
  const chosen = dependencyGroups(graph).map((group) => ({
    group,
    channels: [...group.channels.keys()].filter((channel) => channel > 0 && random.uniform() < 0.5),
  }));
  applyPruning(graph, new PruningPlanner(new Map(), "none").plan(chosen));
  return chosen.reduce((sum, { channels }) => sum + channels.length, 0);
}

async function outputsOf(graph: Graph, inputs: readonly (readonly Tensor[])[]): Promise<Uint8Array[][]> {
  const executor = await measuringExecutor(graph);
  try {
    // Bytes, so that zeros are told apart, and copies: an engine's outputs may lie in its memory.
    return inputs.map((sample) =>
      executor.run(sample).map(({ data }) => new Uint8Array(data.slice().buffer)),
    );
  } finally {
    executor.dispose();
  }
}

const run = (graph: Graph, pipeline: string, samples?: Samples) =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    contextFor(samples, () => undefined),
  );

const load = (model: string): Graph => {
  const file = `${model}.onnx`;
  return loadModel({ file, bytes: readFileSync(corpusFile(`models/${file}`)) }).graph;
};

const samplesFor = (graph: Graph, { files, options }: Data): Samples =>
  openSamples(files(), graph.inputs, { ...options, limit: sampleCount });

describe.skipIf(!hasCorpus)("masked with zeros or removed", () => {
  test.each(networks)("%s", async (model, data) => {
    for (const prepare of ["", pipelines.optimize]) {
      const masked = load(model);
      await run(masked, prepare);
      const count = maskAtRandom(masked, 1);
      expect(count).toBeGreaterThan(0);
      const removed = copyGraph(masked);
      const records = await run(removed, "remove-channels");
      expect(records[0]!.statistics["removed"]).toBeGreaterThanOrEqual(count);
      expect(measureGraph(removed).parameters).toBeLessThan(measureGraph(masked).parameters);
      const inputs = [...samplesFor(masked, data).batches()];
      expect(await outputsOf(removed, inputs)).toEqual(await outputsOf(masked, inputs));
    }

    const masked = load(model);
    await run(masked, pipelines.optimize);
    maskAtRandom(masked, 2);
    const samples = samplesFor(masked, data);
    await run(masked, "calibrate{method=minmax}", samples);
    const removed = copyGraph(masked);
    await run(removed, "remove-channels");
    const inputs = [...samples.batches()];
    const quantize = `insert-fake-quantization, widen-outputs, requantize, ${pipelines.prove}`;
    const outputs: Uint8Array[][][] = [];
    for (const graph of [masked, removed]) {
      await run(graph, quantize, samples);
      const stored = inputs.map((sample) => sample.map((x, i) => toStored(x, graph.inputs[i]!.type)));
      outputs.push(await outputsOf(graph, stored));
    }
    expect(outputs[1]).toEqual(outputs[0]);
    expect(measureGraph(removed).weightBytes).toBeLessThan(measureGraph(masked).weightBytes);
  });
});
