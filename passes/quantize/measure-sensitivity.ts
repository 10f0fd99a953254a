/**
 * What each layer costs the answer at each width of its weights: all other layers stay real, and the error of the deciding values
 * (judge-outputs.ts) on samples held out tells. A layer of few decibels wants more bits than the others; several of many may do with
 * fewer. Nearest levels, a scale for each channel: repair moves the numbers up, seldom their order.
 *
 * Changes nothing. A finding for each layer, in the report's table; its cost is one run of the samples held out for each layer and width.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { ints } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
import { weightedLayerOf } from "../../src/measure/layer-inputs.ts";
import { fewestBits, levelsOf, mostBits } from "../../src/numerics/levels.ts";
import { definePass } from "../../src/pass/pass.ts";
import { roundedWeights } from "./quantize-weights.ts";
import { replaceReal } from "./replace-constant.ts";

export const measureSensitivity = definePass({
  name: "measure-sensitivity",
  summary: "measure what each layer's width costs the outputs",
  options: { bits: ints(undefined, [8, 6, 4, 3, 2]) },
  async run(graph, { options, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'measure-sensitivity' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    for (const bits of options.bits)
      if (bits < fewestBits || bits > mostBits.integers)
        fail("option", `bits holds ${bits}, expected ${fewestBits} to ${mostBits.integers}`);

    for (const [place, operation] of graph.operations.entries()) {
      const layer = weightedLayerOf(operation);
      const weights = layer && constantOf(layer.weight);
      if (layer === undefined || weights?.element !== "f32") continue;
      const narrowed = options.bits.map((bits) => withWidth(graph, place, bits));
      const noises = await noiseOfGraphs(graph, narrowed, samples, createExecutor);
      find({
        value: operation.result.name,
        weights: weights.data.length,
        ...Object.fromEntries(options.bits.map((bits, i) => [`${bits} bits dB`, toDecibels(noises[i]!)])),
      });
      count("layers");
    }
  },
});

/** The graph with one layer's weights rounded. A copy has its operations at the same places. */
function withWidth(graph: Graph, place: number, bits: number): Graph {
  const copy = copyGraph(graph);
  const operation = copy.operations[place]!;
  const { weight } = weightedLayerOf(operation)!;
  const rounded = roundedWeights(constantOf(weight)!, 0, levelsOf(bits));
  replaceReal(copy, operation, weight, rounded);
  return copy;
}
