/**
 * Takes out of a channel what it always has: where its values before a relu are c or more, c moves into the bias of what reads it, and the
 * activation's range shrinks by as much (high-bias absorption; Nagel et al., "Data-Free Quantization through Weight Equalization
 * and Bias Correction", section 4.1.3; algorithms.md 5.2).
 *
 *     W2 relu(y) + b2 = W2 relu(y - c) + (b2 + W2 c)        exact where y ≥ c
 *     c = max(0, mean - n · deviation)                      n = `deviations`, 3 unless given: all but one in 740 of a Gaussian
 *
 * with mean and deviation of y over the samples. Where equalization made some channels' biases large this makes them small again.
 *
 * Withdraws when the network would not be closer for it as integers of eight bits (quantized-noise.ts). Declines where layer-pairs.ts does,
 * where anything but one relu lies between, where the second layer has no bias to take it, and where it pads, for what is padded
 * holds 0 and not c.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { float } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { toDecibels } from "../../src/measure/judge-outputs.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { definePass } from "../../src/pass/pass.ts";
import { measureChannels, type MeasuredChannels } from "./channel-statistics.ts";
import { openPairs, type OpenPair } from "./layer-pairs.ts";
import { quantizedNoise } from "./quantized-noise.ts";

type Statistics = ReadonlyMap<string, MeasuredChannels>;

export const absorbBias = definePass({
  name: "absorb-bias",
  summary: "move what channels always hold into the biases of what reads them",
  options: { deviations: float(3) },
  async run(graph, { options: { deviations }, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'absorb-bias' has no samples to judge by", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    if (!(deviations >= 0 && deviations < Infinity))
      fail("option", `deviations is ${deviations}, expected 0 or more`);
    const names = absorbingPairs(graph).pairs.map(({ first }) => first.layer.operation.result.name);
    if (names.length === 0) return;
    const used = fittedSamples(samples, Infinity);
    const statistics = await measureChannels(graph, new Set(names), used, createExecutor);
    const absorbed = copyGraph(graph);
    const channels = absorb(absorbed, statistics, deviations);
    if (channels === 0) return;
    const [before, after] = await quantizedNoise(graph, [graph, absorbed], samples, createExecutor, context);
    const better = after! < before!;
    find({
      summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
      "before dB": toDecibels(before!),
      "after dB": toDecibels(after!),
    });
    count(better ? "absorbed" : "withdrawn", channels);
    if (!better) return;
    absorb(graph, statistics, deviations);
    context.normalized.clear();
  },
});

function absorbingPairs(graph: Graph): { pairs: readonly OpenPair[]; close: () => void } {
  const { pairs, close } = openPairs(graph, isRelu);
  return {
    pairs: pairs.filter(
      ({ first, second, between }) =>
        between.length === 1 && first.bias !== undefined && second.bias !== undefined && !pads(second.layer),
    ),
    close,
  };
}

function isRelu({ definition, attributes }: Operation): boolean {
  const form = definition.integer;
  if (form?.kind !== "clamp") return false;
  const { low, high } = form.bounds(attributes);
  return low === 0 && high === Infinity;
}

function pads({ unfolding: { groups, rows, positions } }: WeightedLayer): boolean {
  for (let group = 0; group < groups; group++)
    for (let row = 0; row < rows; row++) if (positions(row, group).includes(-1)) return true;
  return false;
}

/** How many channels had something to take out. */
function absorb(graph: Graph, statistics: Statistics, deviations: number): number {
  const { pairs, close } = absorbingPairs(graph);
  let channels = 0;
  for (const { first, second, columns } of pairs) {
    const { mean, deviation } = statistics.get(first.layer.operation.result.name)!;
    const { length } = second.layer.unfolding;
    columns.forEach((column, channel) => {
      const c = mean[channel]! - deviations * deviation[channel]!;
      if (!(c > 0)) return;
      channels++;
      first.bias![channel]! -= c;
      for (const at of column) second.bias![Math.floor(at / length)]! += c * second.weights[at]!;
    });
  }
  close();
  return channels;
}
