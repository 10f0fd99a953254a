/**
 * Moves outliers of activations into the weights that read them, where each output has a scale of its own (Xiao et al., "SmoothQuant",
 * section 4; algorithms.md 5.7).
 *
 *     t[j] = max|X[j]|^α / max|W[:, j]|^(1 - α)        X[j] / t[j], which the layer before gives,  W[:, j] · t[j]
 *
 * for each channel j between two layers with nothing or a relu between. α, `strength`, says how much of the difficulty the weights take
 * on. The real network computes what it did, but for rounding.
 *
 * Withdraws when the network would not be closer for it as integers of eight bits (quantized-noise.ts). Declines where layer-pairs.ts does,
 * where a bound from above lies between, and leaves alone channels that are always zero or that nothing reads.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { float } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { keepsChange } from "../../src/measure/judge-outputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { pow } from "../../src/numerics/elementary.ts";
import { definePass } from "../../src/pass/pass.ts";
import { measureChannels, type MeasuredChannels } from "./channel-statistics.ts";
import { isHomogeneous, openPairs, reach, rescaleChannel } from "./layer-pairs.ts";
import { quantizedNoise } from "./quantized-noise.ts";

export const smoothActivations = definePass({
  name: "smooth-activations",
  summary: "move outliers of activations into the weights that read them",
  options: { strength: float(0.5) },
  async run(graph, { options: { strength }, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'smooth-activations' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    if (!(strength >= 0 && strength <= 1)) fail("option", `strength is ${strength}, expected 0 to 1`);
    const { pairs } = openPairs(graph, isHomogeneous);
    if (pairs.length === 0) return;
    const names = new Set(pairs.map(({ second }) => second.layer.input.name));
    const measured = await measureChannels(graph, names, fittedSamples(samples, Infinity), createExecutor);
    const smoothed = copyGraph(graph);
    smooth(smoothed, measured, strength);
    const noise = await quantizedNoise(graph, [graph, smoothed], samples, createExecutor, context);
    const better = keepsChange(noise, find);
    count(better ? "smoothed" : "withdrawn", pairs.length);
    if (!better) return;
    smooth(graph, measured, strength);
    context.normalized.clear();
  },
});

function smooth(graph: Graph, measured: ReadonlyMap<string, MeasuredChannels>, strength: number): void {
  const { pairs, close } = openPairs(graph, isHomogeneous);
  for (const pair of pairs) {
    const { reach: largest } = measured.get(pair.second.layer.input.name)!;
    pair.columns.forEach((column, channel) => {
      const [x, w] = [largest[channel]!, reach(pair.second.weights, column)];
      if (x > 0 && w > 0) rescaleChannel(pair, channel, pow(x, strength) / pow(w, 1 - strength));
    });
  }
  close();
}
