/**
 * What each layer costs the answer at each width of its weights, and each stored value in eight bits: all else stays real, and the error of
 * the deciding values (judge-outputs.ts) on samples held out tells. A layer of few decibels wants more bits than the others, a value of few
 * wants sixteen (`widen-values`); several of many may do with fewer. Weights have their nearest levels, a scale for each channel; values the
 * range of what was seen: repair moves the numbers up, seldom their order.
 *
 * Changes nothing. A finding for each layer, then one for each group of values of one quantization, in the report's table; its cost is one
 * run of the samples held out for each layer and width and for each group. `values=false` leaves out the values.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { bool, ints } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
import { weightedLayerOf } from "../../src/measure/layer-inputs.ts";
import { fewestBits, levelsOf, mostBits } from "../../src/numerics/levels.ts";
import { definePass, type PassContext } from "../../src/pass/pass.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { measureExtremes } from "./measure-extremes.ts";
import { planQuantization, type Group } from "./plan.ts";
import { quantizeActivations } from "./quantize-activations.ts";
import { roundedWeights } from "./quantize-weights.ts";
import { replaceReal } from "./replace-constant.ts";

export const measureSensitivity = definePass({
  name: "measure-sensitivity",
  summary: "measure what the width of each layer and of each value costs the outputs",
  options: { bits: ints(undefined, [8, 6, 4, 3, 2]), values: bool(true) },
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
    if (!options.values) return;
    const ranged = copyGraph(graph);
    const plan = planQuantization(ranged, fixedInputsOf(ranged, context));
    await measureExtremes(ranged, plan, samples, createExecutor);
    for (const place of plan.groups.keys()) {
      const [noise] = await noiseOfGraphs(
        graph,
        [withNarrowGroup(ranged, place, context)],
        samples,
        createExecutor,
      );
      const [first, ...others] = plan.groups[place]!.values;
      find({
        value: first!.name,
        ...(others.length > 0 ? { values: others.length + 1 } : {}),
        [valueDecibels]: toDecibels(noise!),
      });
      count("values");
    }
  },
});

/** The key of a finding. */
const valueDecibels = "value in 8 bits dB";

/** The graph with one group of values in eight bits. A copy's plan has its groups at the same places. */
function withNarrowGroup(ranged: Graph, place: number, context: PassContext): Graph {
  const copy = copyGraph(ranged);
  const { groups, ...plan } = planQuantization(copy, fixedInputsOf(copy, context));
  // What other groups convert for it stays real with them.
  const group: Group = { ...groups[place]!, width: "narrow", converted: [] };
  quantizeActivations(copy, { ...plan, groups: [group] });
  return copy;
}

/** The graph with one layer's weights rounded. A copy has its operations at the same places. */
function withWidth(graph: Graph, place: number, bits: number): Graph {
  const copy = copyGraph(graph);
  const operation = copy.operations[place]!;
  const { weight } = weightedLayerOf(operation)!;
  const rounded = roundedWeights(constantOf(weight)!, 0, levelsOf(bits));
  replaceReal(copy, operation, weight, rounded);
  return copy;
}
