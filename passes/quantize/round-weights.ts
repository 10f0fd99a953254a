/**
 * Rounds weights so that layers' results, not the weights themselves, stay near the real network's (round-layer.ts).
 *
 * Layer after layer, each on the inputs that the layers before it give now, with scales refitted and biases moved to keep the means.
 * A layer keeps the candidate with the least error on samples held out (judge-roundings.ts): `nearest` levels, rounded towards its
 * `weights`, or towards what gives its real `outputs`. In the end the whole is held against the same walk that moves biases alone, by the
 * error of the deciding values (judge-outputs.ts) on samples held out, and withdrawn when it lost. What won is made again from all samples,
 * each layer as it was decided. (An output at a time it would choose among noise: on samples that had no say that was worse.)
 *
 * It costs more time than all other passes together and gains least at eight bits: it does nothing where all layers have more than
 * `bits` bits. Otherwise it rounds all, those of more bits too: they make good what the others lose.
 *
 * Declines, layer by layer, where weights are no constants, have channels elsewhere than along axis 0, or are pruned: what is masked
 * must stay zero, which the spreading of errors does not know. A scale that channels share stays as it is.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { choice, int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { sliceQuantization, tensorType } from "../../src/ir/types.ts";
import { keepsChange, noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
import { fittedSamples, heldOutSamples } from "../../src/measure/split-samples.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementBits } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { codeElement, pairLayers, type PairedLayer } from "./paired-layers.ts";
import {
  accumulatorType,
  biasQuantization,
  leastBiasScale,
  storedBias,
  weightQuantization,
  type AccumulatorForm,
} from "./quantize-weights.ts";
import { replaceStored } from "./replace-constant.ts";
import { noiseOfRoundings } from "./judge-roundings.ts";
import { roundLayer, type Aim, type LayerRounding } from "./round-layer.ts";
import { walkLayers, type LayerSample } from "./walk-layers.ts";

/** Weights of more bits gain little by it. */
export const roundedBits = 6;

export const roundWeights = definePass({
  name: "round-weights",
  summary: "round weights so that layers keep their results",
  options: { aim: choice(["outputs", "weights"], "outputs"), bits: int(roundedBits), samples: int(0) },
  async run(graph, { options, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    const real = context.snapshots.get("real");
    if (samples === undefined)
      fail("no-samples", "'round-weights' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (real === undefined)
      fail("no-real-graph", "'round-weights' has no real network to compare with", {
        help: "run insert-fake-quantization before it, in the same pipeline",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    if (options.samples < 0) fail("option", `samples is ${options.samples}, expected 0 or more`);
    if (!pairLayers(graph, real).some(({ weight }) => elementBits(codeElement(weight)) <= options.bits))
      return;

    const aims: readonly Aim[] =
      options.aim === "weights" ? ["nearest", "weights"] : ["nearest", "weights", "outputs"];
    const split: SplitSamples = {
      fitted: fittedSamples(samples, options.samples || Infinity),
      heldOut: [...heldOutSamples(samples)],
    };
    const [plain, tuned, final] = [copyGraph(graph), copyGraph(graph), copyGraph(graph)];
    await roundLayers(plain, real, split, nearestAlone, createExecutor);
    const layers = new Map<string, Decision>();
    await roundLayers(tuned, real, split, decide(aims, layers), createExecutor);
    for (const each of [plain, tuned]) foldDequantized(each);
    const noise = await noiseOfGraphs(real, [plain, tuned], samples, createExecutor);
    const better = keepsChange(noise, find);
    for (const [value, { aim, decibels }] of layers) {
      count(better ? aim : "withdrawn");
      if (better) find({ value, aim, ...decibels });
    }
    if (!better) return;
    const all: SplitSamples = { fitted: [...split.fitted, ...split.heldOut], heldOut: [] };
    const made = await roundLayers(final, real, all, repeat(layers), createExecutor);
    const places = new Map(pairLayers(graph, real).map((layer) => [layer.name, layer]));
    for (const [name, rounding] of made) apply(graph, places.get(name)!, rounding);
  },
});

const isPruned = ({ weight }: PairedLayer): boolean =>
  maskOf(weight.read.producer!.operands[0]!) !== undefined;

interface SplitSamples {
  readonly fitted: readonly (readonly Tensor[])[];
  readonly heldOut: readonly (readonly Tensor[])[];
}

/** How a layer is rounded, given what it reads. */
type RoundOne = (
  layer: PairedLayer,
  fitted: readonly LayerSample[],
  heldOut: readonly LayerSample[],
) => LayerRounding;

interface Decision {
  readonly aim: Aim;
  /** Signal-to-noise ratios of the candidates, to be read. */
  readonly decibels: Readonly<Record<string, number>>;
}

const nearestAlone: RoundOne = (layer, fitted) =>
  roundLayer(layer, fitted, { aims: ["nearest"], leastScale: leastScaleOf(layer) })[0]!;

/** By what is best on the samples held out, the first of equals. */
const decide =
  (aims: readonly Aim[], decisions: Map<string, Decision>): RoundOne =>
  (layer, fitted, heldOut) => {
    const candidates = roundLayer(layer, fitted, { aims, leastScale: leastScaleOf(layer) });
    const noise = noiseOfRoundings(layer, candidates, heldOut);
    const best = noise.indexOf(Math.min(...noise));
    const decibels = Object.fromEntries(aims.map((aim, c) => [`${aim} dB`, toDecibels(noise[c]!)]));
    decisions.set(layer.name, { aim: aims[best]!, decibels });
    return candidates[best]!;
  };

/** As it was decided before. */
const repeat =
  (decisions: ReadonlyMap<string, Decision>): RoundOne =>
  (layer, fitted) => {
    const { aim } = decisions.get(layer.name)!;
    return roundLayer(layer, fitted, { aims: [aim], leastScale: leastScaleOf(layer) })[0]!;
  };

/** Rounds every layer of the graph, in order. */
async function roundLayers(
  graph: Graph,
  real: Graph,
  { fitted, heldOut }: SplitSamples,
  round: RoundOne,
  createExecutor: ExecutorFactory,
): Promise<ReadonlyMap<string, LayerRounding>> {
  const rounded = new Map<string, LayerRounding>();
  await walkLayers(
    graph,
    real,
    [...fitted, ...heldOut],
    createExecutor,
    { wants: (layer) => !isPruned(layer), sums: true },
    (layer, seen) => {
      const rounding = round(layer, seen.slice(0, fitted.length), seen.slice(fitted.length));
      apply(graph, layer, rounding);
      rounded.set(layer.name, rounding);
    },
  );
  return rounded;
}

/** The finest scale of weights whose bias still fits, with room for its correction. */
function leastScaleOf({ weight, bias }: PairedLayer): (output: number) => number {
  if (bias === undefined) return () => 2 ** -126;
  return (output) => {
    const accumulator = sliceQuantization(bias.quantization, output).scale;
    const perWeight = accumulator / sliceQuantization(weight.quantization, output).scale;
    const real = Number(bias.contents.data[output]!) * accumulator;
    return Math.max(2 ** -126, (2 * leastBiasScale(real)) / perWeight);
  };
}

function apply(graph: Graph, { fake, weight, bias }: PairedLayer, rounding: LayerRounding): void {
  const { operation } = fake;
  const { axis } = weight.quantization;
  const scale = axis === undefined ? weight.quantization.scale : Array.from(rounding.scales);
  const quantization = weightQuantization({ scale, axis });
  const { element, shape } = weight.contents;
  if (bias !== undefined && rounding.bias !== undefined) {
    const form = operation.definition.integer as AccumulatorForm;
    const accumulator = accumulatorType(operation, form, tensorType(element, shape, quantization));
    const biasType = biasQuantization(accumulator.quantization!, axis);
    const integers = Array.from(rounding.bias, (b, c) => storedBias(b, biasType, c));
    replaceStored(graph, operation, bias.read, tensor("i32", bias.contents.shape, integers), biasType);
  }
  replaceStored(graph, operation, weight.read, tensor(element, shape, rounding.integers), quantization);
}
