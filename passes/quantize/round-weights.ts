/**
 * Rounds weights so that layers' results, not the weights themselves, stay near the real network's (round-layer.ts).
 *
 * Layer after layer, each on the inputs that the layers before it give now, with scales refitted and biases moved to keep the means.
 * A layer keeps the candidate with the least error on samples held out: `nearest` levels, rounded towards its `weights`, or towards
 * what gives its real `outputs`. In the end the whole is held against the same walk that moves biases alone, by the error of the
 * deciding values (judge-outputs.ts) on samples held out, and withdrawn when it lost. What won is made again from all samples, each layer
 * as it was decided.
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
import { noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
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
import { roundLayer, type Aim, type LayerRounding } from "./round-layer.ts";
import { walkLayers } from "./walk-layers.ts";

export const roundWeights = definePass({
  name: "round-weights",
  summary: "round weights so that layers keep their results",
  options: { aim: choice(["outputs", "weights"], "outputs"), bits: int(6), samples: int(0) },
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
    await roundLayers(plain, real, split, () => ["nearest"], createExecutor);
    const layers = await roundLayers(tuned, real, split, () => aims, createExecutor);
    for (const each of [plain, tuned]) foldDequantized(each);
    const [before, after] = await noiseOfGraphs(real, [plain, tuned], samples, createExecutor);
    const better = after! < before!;
    find({
      summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
      "before dB": toDecibels(before!),
      "after dB": toDecibels(after!),
    });
    for (const { name, candidates, best } of layers) {
      count(better ? best.aim : "withdrawn");
      if (!better) continue;
      find({
        value: name,
        aim: best.aim,
        ...Object.fromEntries(candidates.map(({ aim, noise }) => [`${aim} dB`, toDecibels(noise)])),
      });
    }
    if (!better) return;
    const decided = new Map(layers.map(({ name, best }) => [name, [best.aim]]));
    const all: SplitSamples = { fitted: [...split.fitted, ...split.heldOut], heldOut: [] };
    const made = await roundLayers(final, real, all, (name) => decided.get(name)!, createExecutor);
    const places = new Map(pairLayers(graph, real).map((layer) => [layer.name, layer]));
    for (const { name, best } of made) apply(graph, places.get(name)!, best);
  },
});

const isPruned = ({ weight }: PairedLayer): boolean =>
  maskOf(weight.read.producer!.operands[0]!) !== undefined;

interface SplitSamples {
  readonly fitted: readonly (readonly Tensor[])[];
  readonly heldOut: readonly (readonly Tensor[])[];
}

interface RoundedLayer {
  readonly name: string;
  readonly candidates: readonly LayerRounding[];
  readonly best: LayerRounding;
}

/** Rounds every layer of the graph, in order. */
async function roundLayers(
  graph: Graph,
  real: Graph,
  { fitted, heldOut }: SplitSamples,
  aimsOf: (layer: string) => readonly Aim[],
  createExecutor: ExecutorFactory,
): Promise<RoundedLayer[]> {
  const rounded: RoundedLayer[] = [];
  await walkLayers(
    graph,
    real,
    [...fitted, ...heldOut],
    createExecutor,
    (layer) => !isPruned(layer),
    (layer, inputs) => {
      const options = { aims: aimsOf(layer.name), leastScale: leastScaleOf(layer) };
      const candidates = roundLayer(
        layer,
        inputs.slice(0, fitted.length),
        inputs.slice(fitted.length),
        options,
      );
      const best = candidates.reduce((least, one) => (one.noise < least.noise ? one : least));
      apply(graph, layer, best);
      rounded.push({ name: layer.name, candidates, best });
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
