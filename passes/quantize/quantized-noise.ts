/**
 * How far networks that compute about the same in reals would be from the real one as integers: eight bits for activations, by the extremes
 * of the samples that serve, and for weights, by nearest levels with a scale for each channel unless told otherwise. What changes layers
 * before calibration is judged by it.
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { noiseOfGraphs } from "../../src/measure/judge-outputs.ts";
import { levelsOf } from "../../src/numerics/levels.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { constantLayer } from "./layer-pairs.ts";
import { measureExtremes } from "./measure-extremes.ts";
import { planQuantization } from "./plan.ts";
import { quantizeActivations } from "./quantize-activations.ts";
import { roundedWeights } from "./quantize-weights.ts";
import { replaceReal } from "./replace-constant.ts";

export interface WeightForm {
  readonly bits: number;
  /** Undefined: one scale a layer. */
  readonly axis: 0 | undefined;
}

/** Noise over signal of each graph's deciding values, on the samples held out. */
export async function quantizedNoise(
  real: Graph,
  graphs: readonly Graph[],
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  context: PassContext,
  weights: WeightForm = { bits: 8, axis: 0 },
): Promise<number[]> {
  const quantized: Graph[] = [];
  for (const graph of graphs)
    quantized.push(await asIntegers(graph, samples, createExecutor, context, weights));
  return noiseOfGraphs(real, quantized, samples, createExecutor);
}

async function asIntegers(
  graph: Graph,
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  context: PassContext,
  { bits, axis }: WeightForm,
): Promise<Graph> {
  const copy = copyGraph(graph);
  const plan = planQuantization(copy, fixedInputsOf(copy, context));
  await measureExtremes(copy, plan, samples, createExecutor);
  for (const operation of copy.operations) {
    const layer = constantLayer(operation);
    if (layer === undefined) continue;
    const weights = roundedWeights(constantOf(layer.weight)!, axis, levelsOf(bits));
    replaceReal(copy, operation, layer.weight, weights);
  }
  quantizeActivations(copy, plan);
  return copy;
}
