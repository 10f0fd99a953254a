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
 * Withdraws when the network would not be closer for it as integers of eight bits (quantized-noise.ts). With `data=none` mean and deviation are
 * what batch normalizations tell (derive-statistics.ts), and nothing judges it. Declines where layer-pairs.ts does,
 * where anything but one relu lies between, where the second layer has no bias to take it, and where it pads, for what is padded
 * holds 0 and not c.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { float } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { keepsChange } from "../../src/measure/judge-outputs.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { definePass, type PassContext } from "../../src/pass/pass.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { changeStatistics } from "./change-statistics.ts";
import { measureChannels } from "./channel-statistics.ts";
import { deriveStatistics } from "./derive-statistics.ts";
import { dataOption, evidenceOf, type Evidence } from "./evidence.ts";
import { openPairs, type OpenPair } from "./layer-pairs.ts";
import { quantizedNoise } from "./quantized-noise.ts";

/** What each channel always holds, by name of the value. */
type Floors = ReadonlyMap<string, Float64Array>;

export const absorbBias = definePass({
  name: "absorb-bias",
  summary: "move what channels always hold into the biases of what reads them",
  options: { deviations: float(3), data: dataOption },
  async run(graph, { options: { deviations, data }, context, count, find }) {
    const evidence = evidenceOf("absorb-bias", data, context);
    if (!(deviations >= 0 && deviations < Infinity))
      fail("option", `deviations is ${deviations}, expected 0 or more`);
    const names = new Set(absorbingPairs(graph).pairs.map(({ first }) => first.layer.operation.result.name));
    if (names.size === 0) return;
    const floors =
      evidence === undefined
        ? derivedFloors(graph, context, deviations)
        : await measuredFloors(graph, names, evidence, deviations);
    const absorbed = copyGraph(graph);
    const channels = absorb(absorbed, floors);
    if (channels === 0) return;
    if (evidence === undefined) find({ summary: "data-free: not judged" });
    else {
      const { samples, createExecutor } = evidence;
      const noise = await quantizedNoise(graph, [graph, absorbed], samples, createExecutor, context);
      const better = keepsChange(noise, find);
      if (!better) {
        count("withdrawn", channels);
        return;
      }
    }
    count("absorbed", channels);
    absorb(graph, floors);
    for (const name of names)
      changeStatistics(
        context,
        name,
        (x) => x,
        (channel) => -Math.max(0, floors.get(name)?.[channel] ?? 0),
      );
  },
});

async function measuredFloors(
  graph: Graph,
  names: ReadonlySet<string>,
  { samples, createExecutor }: Evidence,
  deviations: number,
): Promise<Floors> {
  const used = fittedSamples(samples, Infinity);
  const measured = await measureChannels(graph, names, used, createExecutor);
  return new Map(
    [...measured].map(([name, { mean, deviation }]) => [
      name,
      mean.map((m, c) => m - deviations * deviation[c]!),
    ]),
  );
}

/** Channels are the last axis, as in `measureChannels`; a channel always holds what all of its places do. */
function derivedFloors(graph: Graph, context: PassContext, deviations: number): Floors {
  return new Map(
    [...deriveStatistics(graph, context)].map(([{ name }, statistics]) => {
      const channels = statistics.mean.shape.at(-1) ?? 1;
      const deviation = numbersOf(statistics.deviation);
      const floor = new Float64Array(channels).fill(Infinity);
      numbersOf(statistics.mean).forEach((m: number, i: number) => {
        floor[i % channels] = Math.min(floor[i % channels]!, m - deviations * deviation[i]!);
      });
      return [name, floor];
    }),
  );
}

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
function absorb(graph: Graph, floors: Floors): number {
  const { pairs, close } = absorbingPairs(graph);
  let channels = 0;
  for (const { first, second, columns } of pairs) {
    const floor = floors.get(first.layer.operation.result.name);
    if (floor === undefined) continue;
    const { length } = second.layer.unfolding;
    columns.forEach((column, channel) => {
      const c = floor[channel]!;
      if (!(c > 0)) return;
      channels++;
      first.bias![channel]! -= c;
      for (const at of column) second.bias![Math.floor(at / length)]! += c * second.weights[at]!;
    });
  }
  close();
  return channels;
}
