/**
 * Moves biases so that each layer's mean is what it is in the real network.
 *
 * Rounded weights and clipped inputs shift a layer's mean, channel by channel, and the shifts add up from layer to layer. With
 * means over samples and positions, x the inputs in the real network and x̂ those in the quantized one,
 *
 *     b̂[c] = mean(y)[c] - mean(Ŵ x̂)[c],    y = b + W x
 *
 * layer after layer, each on inputs that the corrected layers before it give (algorithms.md 5.3; Nagel et al., "Data-Free
 * Quantization through Weight Equalization and Bias Correction", section 4.2, with measured means). What is left is less than half
 * a step of the stored bias. (Means of the sum at the end of a residual branch, in their place, gained nothing on ResNets and lost a decibel on a
 * network of many short branches.)
 *
 * Withdraws all of it when the error of the deciding values (judge-outputs.ts) on samples held out did not fall.
 *
 * With `data=none` no samples are looked at: with E[x] as derive-statistics.ts has it from batch normalizations, and inputs that the layers
 * before, corrected themselves, keep at their means,
 *
 *     b̂[c] = b[c] + (W E[x])[c] - (Ŵ E[x])[c]
 *
 * which makes good what rounding weights shifts, though not what clipping does. Nothing judges it.
 *
 * Declines, layer by layer, where there is no bias, or without samples nothing is known of what it reads, and channel by channel, where
 * the corrected bias would leave i32.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { sliceQuantization } from "../../src/ir/types.ts";
import { keepsChange, noiseOfGraphs } from "../../src/measure/judge-outputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { definePass, type Finding, type PassContext } from "../../src/pass/pass.ts";
import { holdsInteger } from "../../src/tensor/element-type.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { deriveStatistics } from "./derive-statistics.ts";
import { dataOption, evidenceOf } from "./evidence.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { layerMeans, meanKeepingBias, meansOfInput, rowsOf, type LayerMeans } from "./layer-means.ts";
import { pairLayers, type PairedLayer, type StoredConstant } from "./paired-layers.ts";
import { replaceStored } from "./replace-constant.ts";
import { walkLayers } from "./walk-layers.ts";

export const correctBias = definePass({
  name: "correct-bias",
  summary: "move biases so that layers keep their real means",
  options: { samples: int(0), data: dataOption },
  async run(graph, { options, context, count, find }) {
    const evidence = evidenceOf("correct-bias", options.data, context);
    const real = context.snapshots.get("real");
    if (real === undefined)
      fail("no-real-graph", "'correct-bias' has no real network to compare with", {
        help: "run insert-fake-quantization before it, in the same pipeline",
      });
    if (options.samples < 0) fail("option", `samples is ${options.samples}, expected 0 or more`);
    if (evidence === undefined) {
      const { corrected, unknown } = derivedBiases(graph, real, context);
      for (const value of unknown) find({ value, summary: "left alone, nothing is known of its inputs" });
      if (unknown.length > 0) count("left alone", unknown.length);
      if (corrected.size === 0) return;
      find({ summary: "data-free: not judged" });
      count("corrected", corrected.size);
      applyBiases(graph, real, corrected, find);
      return;
    }
    const { samples, createExecutor } = evidence;
    const tried = copyGraph(graph);
    const used = fittedSamples(samples, options.samples || enoughSamples(graph));
    const corrected = await measuredBiases(tried, real, used, createExecutor);
    if (corrected.size === 0) return;
    const judged = [copyGraph(graph), tried];
    judged.forEach(foldDequantized);
    const noise = await noiseOfGraphs(real, judged, samples, createExecutor);
    const better = keepsChange(noise, find);
    count(better ? "corrected" : "withdrawn", corrected.size);
    if (better) applyBiases(graph, real, corrected, find);
  },
});

/** By name of the layer, in the steps of its bias. */
type Biases = ReadonlyMap<string, Tensor>;

/** Corrects `graph`, layer by layer. */
async function measuredBiases(
  graph: Graph,
  real: Graph,
  samples: readonly (readonly Tensor[])[],
  createExecutor: ExecutorFactory,
): Promise<Biases> {
  const corrected = new Map<string, Tensor>();
  await walkLayers(
    graph,
    real,
    samples,
    createExecutor,
    { wants: ({ bias }) => bias !== undefined, sums: false },
    (layer, seen) => {
      const { fake, bias, name } = layer;
      const [inputs, results] = [seen.map(({ input }) => input), seen.map(({ result }) => result)];
      const stored = biasesKeeping(layer, bias!, layerMeans(layer, inputs, results));
      replaceStored(graph, fake.operation, bias!.read, stored, bias!.quantization);
      corrected.set(name, stored);
    },
  );
  return corrected;
}

function derivedBiases(
  graph: Graph,
  real: Graph,
  context: PassContext,
): { corrected: Biases; unknown: readonly string[] } {
  const statistics = deriveStatistics(real, context);
  const corrected = new Map<string, Tensor>();
  const unknown: string[] = [];
  for (const layer of pairLayers(graph, real)) {
    if (layer.bias === undefined) continue;
    const mean = statistics.get(layer.real.input)?.mean;
    if (mean === undefined) unknown.push(layer.name);
    else corrected.set(layer.name, biasesKeeping(layer, layer.bias, meansOfInput(layer, mean)));
  }
  return { corrected, unknown };
}

const biasesKeeping = (layer: PairedLayer, bias: StoredConstant, means: LayerMeans): Tensor =>
  storedBiases(bias, meanKeepingBias(rowsOf(layer), means));

function applyBiases(graph: Graph, real: Graph, biases: Biases, find: (finding: Finding) => void): void {
  for (const { name, fake, bias } of pairLayers(graph, real)) {
    const stored = biases.get(name);
    if (stored === undefined || bias === undefined) continue;
    find({ value: name, largestShift: largestDifference(bias.contents, stored) });
    replaceStored(graph, fake.operation, bias.read, stored, bias.quantization);
  }
}

const fewestSamples = 32;
const enoughInputs = 2 ** 17;

/** A mean over small samples, without positions to average over, needs more of them; they take less memory. */
function enoughSamples({ inputs }: Graph): number {
  const elements = inputs.reduce((sum, { type }) => sum + elementCount(type.shape), 0);
  return Math.max(fewestSamples, Math.ceil(enoughInputs / Math.max(1, elements)));
}

/** The wanted biases in the steps of the stored ones; one that would leave i32 stays what it is. */
function storedBiases({ contents, quantization }: StoredConstant, wanted: Float64Array): Tensor {
  const integers = Array.from(numbersOf(contents), (old, c) => {
    const moved = roundHalfAwayFromZero(wanted[c]! / sliceQuantization(quantization, c).scale);
    return holdsInteger("i32", moved) ? moved : old;
  });
  return tensor("i32", contents.shape, integers);
}

/** In steps of the bias. */
function largestDifference(before: Tensor, after: Tensor): number {
  const [old, moved] = [numbersOf(before), numbersOf(after)];
  let most = 0;
  for (let c = 0; c < old.length; c++) most = Math.max(most, Math.abs(moved[c]! - old[c]!));
  return most;
}
