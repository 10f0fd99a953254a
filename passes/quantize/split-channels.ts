/**
 * Splits channels with outliers, so that one scale serves all channels of an activation (outlier channel splitting; Zhao et al., "Improving
 * Neural Network Quantization without Retraining using Outlier Channel Splitting", section 3).
 *
 *     W2 f(W1 x + b1),  channel j of W1:  m copies of (W1[j] / m) x + b1[j] / m, each read by W2[:, j]        for f(t y) = t f(y)
 *
 * The real network computes what it did, but for rounding; the widest channel is m times as narrow, the layer that makes it has m - 1 more
 * outputs, and the one that reads it as many more inputs. `share` of a layer's channels are added, one after the other, each time to the
 * channel that is widest then, and only where its range becomes a tenth narrower. Outliers of weights are not its matter: they have scales for
 * channels and groups.
 *
 * Withdraws when the network would not be closer for it as integers (quantized-noise.ts). Declines where layer-pairs.ts does, where a bound
 * from above lies between, at grouped layers, and where layers share constants (`separate-constants` parts biases).
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { float } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import type { Kept } from "../../src/ir/operation.ts";
import { keepsChange } from "../../src/measure/judge-outputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { takeEntries, wholeOf } from "../../src/ops/take-entries.ts";
import { definePass } from "../../src/pass/pass.ts";
import { measureChannels } from "./channel-statistics.ts";
import { isHomogeneous, openPairs, type OpenPair } from "./layer-pairs.ts";
import { quantizedNoise } from "./quantized-noise.ts";

export const splitChannels = definePass({
  name: "split-channels",
  summary: "split channels of activations with outliers into narrower ones",
  options: { share: float(0.05) },
  async run(graph, { options: { share }, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'split-channels' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    if (!(share > 0 && share <= 1)) fail("option", `share is ${share}, expected more than 0 and at most 1`);
    const pairs = openPairs(graph, isHomogeneous).pairs.filter(canSplit);
    const names = new Set(pairs.map(nameOf));
    const measured = await measureChannels(graph, names, fittedSamples(samples, Infinity), createExecutor);
    const splits = [...measured].flatMap(([value, { reach }]): Split[] => {
      const copies = copiesOf(reach, Math.ceil(share * reach.length));
      const [before, after] = [widest(reach), widest(reach, copies)];
      return after <= worthwhile * before ? [{ value, copies, before, after }] : [];
    });
    if (splits.length === 0) return;
    const split = copyGraph(graph);
    splits.forEach((each) => {
      splitPair(split, each);
    });
    const noise = await quantizedNoise(graph, [graph, split], samples, createExecutor, context);
    const better = keepsChange(noise, find);
    for (const { value, copies, before, after } of splits) {
      const added = copies.reduce((sum, n) => sum + n - 1, 0);
      count(better ? "added" : "withdrawn", added);
      if (!better) continue;
      find({ value, channels: copies.length, added, reach: before, split: after });
    }
    if (!better) return;
    splits.forEach((each) => {
      splitPair(graph, each);
    });
    context.normalized.clear();
  },
});

interface Split {
  /** What the second layer reads. */
  readonly value: string;
  /** Of each channel. */
  readonly copies: readonly number[];
  /** The largest magnitude without and with copies. */
  readonly before: number;
  readonly after: number;
}

const worthwhile = 0.9;

const nameOf = ({ second }: OpenPair): string => second.layer.input.name;

/** A group of inputs or outputs would get a channel that the others lack. */
function canSplit({ first, second }: OpenPair): boolean {
  const constants = [first.layer.weight, first.layer.bias, second.layer.weight];
  return (
    [first, second].every(({ layer }) => layer.unfolding.groups === 1) &&
    constants.every((value) => value === undefined || value.users.size === 1) &&
    second.layer.weight.type.shape.at(-1) === first.layer.outputs
  );
}

/** How often each channel is there after `added` more. */
function copiesOf(reach: readonly number[] | Float64Array, added: number): number[] {
  const copies = Array.from(reach, () => 1);
  const width = (channel: number): number => reach[channel]! / copies[channel]!;
  for (let n = 0; n < added; n++)
    copies[copies.reduce((most, _, channel) => (width(channel) > width(most) ? channel : most), 0)]!++;
  return copies;
}

const widest = (reach: ArrayLike<number>, copies?: readonly number[]): number =>
  Array.from(reach).reduce((most, r, channel) => Math.max(most, r / (copies?.[channel] ?? 1)), 0);

function splitPair(graph: Graph, { value, copies }: Split): void {
  const open = (): { pair: OpenPair; close: () => void } => {
    const { pairs, close } = openPairs(graph, isHomogeneous);
    return { pair: pairs.find((each) => nameOf(each) === value)!, close };
  };
  const { first, second, between } = open().pair;
  const channels = copies.flatMap((n, channel) => Array.from({ length: n }, () => channel));
  const kept = new Map<Value, Kept>();
  const repeat = (repeated: Value | undefined, axis: number): void => {
    if (repeated === undefined) return;
    const repeatedAlong = ({ extent, indices }: Kept[number], a: number): Kept[number] => ({
      extent,
      indices: a === axis ? channels : indices,
    });
    kept.set(repeated, wholeOf(repeated).map(repeatedAlong));
  };
  repeat(first.layer.weight, 0);
  repeat(first.layer.bias, 0);
  for (const { result } of [first.layer.operation, ...between]) repeat(result, result.type.shape.length - 1);
  repeat(second.layer.weight, second.layer.weight.type.shape.length - 1);
  takeEntries(graph, kept);

  const { pair, close } = open();
  channels.forEach((channel, row) => {
    for (const at of pair.rows[row]!) pair.first.weights[at]! /= copies[channel]!;
    if (pair.first.bias !== undefined) pair.first.bias[row]! /= copies[channel]!;
  });
  close();
}
