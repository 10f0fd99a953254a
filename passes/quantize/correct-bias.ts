/**
 * Moves biases so that each layer's mean is what it is in the real network.
 *
 * Rounded weights and clipped inputs shift a layer's mean, channel by channel, and the shifts add up from layer to layer. With
 * means over samples and positions, x the inputs in the real network and x̂ those in the quantized one,
 *
 *     b̂[c] = b[c] + mean(W x)[c] - mean(Ŵ x̂)[c]
 *
 * layer after layer, each on inputs that the corrected layers before it give (algorithms.md 5.3; Nagel et al., "Data-Free
 * Quantization through Weight Equalization and Bias Correction", section 4.2, with measured means). What is left is less than half
 * a step of the stored bias.
 *
 * Withdraws all of it when the error of the deciding values (judge-outputs.ts) on samples held out did not fall. Declines, layer by
 * layer, where there is no bias, and channel by channel, where the corrected one would leave i32.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { sliceQuantization } from "../../src/ir/types.ts";
import { noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { definePass } from "../../src/pass/pass.ts";
import { holdsInteger } from "../../src/tensor/element-type.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { meanKeepingBias, meanRowsOf, rowsOf } from "./layer-means.ts";
import { pairLayers, type StoredConstant } from "./paired-layers.ts";
import { replaceStored } from "./replace-constant.ts";
import { walkLayers } from "./walk-layers.ts";

export const correctBias = definePass({
  name: "correct-bias",
  summary: "move biases so that layers keep their real means",
  options: { samples: int(0) },
  async run(graph, { options, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    const real = context.snapshots.get("real");
    if (samples === undefined)
      fail("no-samples", "'correct-bias' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (real === undefined)
      fail("no-real-graph", "'correct-bias' has no real network to compare with", {
        help: "run insert-fake-quantization before it, in the same pipeline",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    if (options.samples < 0) fail("option", `samples is ${options.samples}, expected 0 or more`);

    const tried = copyGraph(graph);
    const corrected = new Map<string, Tensor>();
    await walkLayers(
      tried,
      real,
      fittedSamples(samples, options.samples || enoughSamples(graph)),
      createExecutor,
      ({ bias }) => bias !== undefined,
      (layer, inputs) => {
        const { fake, bias, name } = layer;
        const wanted = meanKeepingBias(layer, rowsOf(layer), meanRowsOf(layer, inputs))!;
        const stored = storedBiases(bias!, wanted);
        replaceStored(tried, fake.operation, bias!.read, stored, bias!.quantization);
        corrected.set(name, stored);
      },
    );
    if (corrected.size === 0) return;
    const judged = [copyGraph(graph), tried];
    judged.forEach(foldDequantized);
    const [before, after] = await noiseOfGraphs(real, judged, samples, createExecutor);
    const better = after! < before!;
    find({
      summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
      "before dB": toDecibels(before!),
      "after dB": toDecibels(after!),
    });
    count(better ? "corrected" : "withdrawn", corrected.size);
    if (!better) return;
    for (const { name, fake, bias } of pairLayers(graph, real)) {
      const stored = corrected.get(name);
      if (stored === undefined || bias === undefined) continue;
      find({ value: name, largestShift: largestDifference(bias.contents, stored) });
      replaceStored(graph, fake.operation, bias.read, stored, bias.quantization);
    }
  },
});

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
