/**
 * Gives neighbouring layers channels of equal ranges, so that one scale serves all channels of a layer (cross-layer equalization;
 * Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", section 4.1; algorithms.md 5.1).
 *
 *     W2 f(W1 x + b1) = (W2 T) f(T⁻¹ W1 x + T⁻¹ b1)        for diagonal T > 0 and f(t y) = t f(y): nothing between, or a relu
 *
 * With r1 the largest weight of channel i of W1, and r2 that of column i of W2, t = √(r1 / r2) makes both √(r1 r2). Pairs share layers, so
 * they are gone through until nothing changes by more than a thousandth. The real network computes what it did, but for rounding.
 *
 * Withdraws when weights of `bits` bits and one scale a layer do not come closer to the real network for it, by the deciding values on
 * samples held out (judge-outputs.ts). With a scale for each channel it is not needed, and not in the default pipeline.
 *
 * Declines where a value between the layers has another reader, is an output, or is bounded from above (relu6); where weights are no
 * constants; and leaves alone channels that have no weights on one side.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { constantOf, onlyUser } from "../../src/ir/match.ts";
import { noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
import { weightedLayerOf, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { fewestBits, levelsOf, mostBits } from "../../src/numerics/levels.ts";
import { definePass } from "../../src/pass/pass.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { roundedWeights } from "./quantize-weights.ts";
import { replaceReal } from "./replace-constant.ts";

export const equalizeLayers = definePass({
  name: "equalize-layers",
  summary: "give the channels of neighbouring layers equal ranges, for one scale a layer",
  options: { bits: int(8) },
  async run(graph, { options, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'equalize-layers' has no samples to judge by", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    if (options.bits < fewestBits || options.bits > mostBits.integers)
      fail("option", `bits is ${options.bits}, expected ${fewestBits} to ${mostBits.integers}`);
    const pairs = pairsOf(graph);
    if (pairs.length === 0) return;
    const equalized = copyGraph(graph);
    equalize(equalized);
    const rounded = [graph, equalized].map((each) => withRoundedWeights(each, options.bits));
    const [before, after] = await noiseOfGraphs(graph, rounded, samples, createExecutor);
    const better = after! < before!;
    find({
      summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
      "before dB": toDecibels(before!),
      "after dB": toDecibels(after!),
    });
    count(better ? "equalized" : "withdrawn", pairs.length);
    if (better) equalize(graph);
  },
});

interface LayerPair {
  readonly first: WeightedLayer;
  readonly second: WeightedLayer;
}

function pairsOf(graph: Graph): LayerPair[] {
  return graph.operations.flatMap((operation): LayerPair[] => {
    const first = equalizable(operation);
    let next = first && onlyUser(graph, operation.result);
    while (next !== undefined && isHomogeneous(next)) next = onlyUser(graph, next.result);
    const second = next && equalizable(next);
    if (first === undefined || second === undefined || second.weight === second.input) return [];
    // A reshape between them would move channels; there is none, but the layers must agree on what a channel is.
    return second.input.type.shape.at(-1) === first.outputs ? [{ first, second }] : [];
  });
}

function equalizable(operation: Operation): WeightedLayer | undefined {
  const layer = weightedLayerOf(operation);
  if (layer === undefined || constantOf(layer.weight)?.element !== "f32") return undefined;
  return layer.bias === undefined || constantOf(layer.bias) !== undefined ? layer : undefined;
}

function isHomogeneous({ definition, attributes }: Operation): boolean {
  const form = definition.integer;
  if (form?.kind !== "clamp") return false;
  const { low, high } = form.bounds(attributes);
  return high === Infinity && (low === 0 || low === -Infinity);
}

/** Weights and bias of a layer, to be changed. */
interface OpenLayer {
  readonly layer: WeightedLayer;
  readonly weights: Float64Array;
  readonly bias: Float64Array | undefined;
}

const mostSweeps = 50;
const settled = 1e-3;

function equalize(graph: Graph): void {
  const opened = new Map<Operation, OpenLayer>();
  const open = (layer: WeightedLayer): OpenLayer => {
    const known = opened.get(layer.operation);
    if (known !== undefined) return known;
    const bias = layer.bias && Float64Array.from(numbersOf(constantOf(layer.bias)!));
    const made = { layer, weights: Float64Array.from(numbersOf(constantOf(layer.weight)!)), bias };
    opened.set(layer.operation, made);
    return made;
  };
  const pairs = pairsOf(graph).map(({ first, second }) => {
    const [rows, columns] = [rowsOf(first), columnsOf(second)];
    return { first: open(first), second: open(second), rows, columns };
  });
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let largest = 0;
    for (const { first, second, rows, columns } of pairs)
      rows.forEach((row, channel) => {
        const column = columns[channel]!;
        const [r1, r2] = [reach(first.weights, row), reach(second.weights, column)];
        if (r1 === 0 || r2 === 0) return;
        const t = Math.sqrt(r1 / r2);
        largest = Math.max(largest, Math.abs(t - 1));
        for (const at of row) first.weights[at]! /= t;
        if (first.bias !== undefined) first.bias[channel]! /= t;
        for (const at of column) second.weights[at]! *= t;
      });
    if (largest < settled) break;
  }
  for (const { layer, weights, bias } of opened.values()) {
    replaceReal(graph, layer.operation, layer.weight, weights);
    if (layer.bias !== undefined) replaceReal(graph, layer.operation, layer.bias, bias!);
  }
}

const reach = (weights: Float64Array, places: readonly number[]): number =>
  places.reduce((most, at) => Math.max(most, Math.abs(weights[at]!)), 0);

/** Places of the weights of each output. */
const rowsOf = ({ outputs, unfolding: { length } }: WeightedLayer): number[][] =>
  Array.from({ length: outputs }, (_, o) => Array.from({ length }, (__, k) => o * length + k));

/** Places of the weights that read each channel of the input: known from where rows come from, whatever the operator. */
function columnsOf({ input, outputs, unfolding }: WeightedLayer): number[][] {
  const channels = input.type.shape.at(-1)!;
  const { groups, length, rows, positions } = unfolding;
  const columns = Array.from({ length: channels }, (): number[] => []);
  for (let group = 0; group < groups; group++) {
    const sources = new Int32Array(length).fill(-1);
    // A place at the border misses some of its inputs.
    for (let row = 0; row < rows && sources.includes(-1); row++)
      positions(row, group).forEach((position, k) => {
        if (position >= 0) sources[k] = position % channels;
      });
    for (let o = (group * outputs) / groups; o < ((group + 1) * outputs) / groups; o++)
      sources.forEach((channel, k) => {
        if (channel >= 0) columns[channel]!.push(o * length + k);
      });
  }
  return columns;
}

/** One scale a layer, activations in reals. */
function withRoundedWeights(graph: Graph, bits: number): Graph {
  const rounded = copyGraph(graph);
  const levels = levelsOf(bits);
  for (const operation of rounded.operations) {
    const layer = equalizable(operation);
    if (layer === undefined) continue;
    const weights = constantOf(layer.weight)!;
    replaceReal(rounded, operation, layer.weight, roundedWeights(weights, undefined, levels));
  }
  return rounded;
}
