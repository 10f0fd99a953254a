/**
 * Moves biases so that each layer's mean is what it is in the real network.
 *
 * Rounded weights and clipped inputs shift a layer's mean, channel by channel, and the shifts add up from layer to layer. With
 * means over samples and positions, taken before the activation,
 *
 *     b[c] += mean(real accumulator[c]) - mean(quantized accumulator[c])
 *
 * layer after layer, each on inputs that the corrected layers before it give (algorithms.md 5.3; Nagel et al., "Data-Free
 * Quantization through Weight Equalization and Bias Correction", section 4.2, with measured means). What is left is less than half
 * a step of the stored bias. The samples wait before each layer, side by side, so that every layer is computed twice a sample
 * whatever the depth.
 *
 * Withdraws all of it when the error of the deciding values (judge-outputs.ts) on samples held out did not fall. Declines, layer by
 * layer, where there is no bias, or where the corrected one would leave i32.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Executor } from "../../src/exec/executor.ts";
import { int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { constantOf, eraseUnread, isConstant } from "../../src/ir/match.ts";
import { nameOperands } from "../../src/ir/operation.ts";
import { sliceQuantization, type Quantization } from "../../src/ir/types.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { constant, maskedBy, maskOf } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { definePass } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { foldDequantized, realsOf } from "./fold-dequantized.ts";
import { judgeable, NoiseRatio, toDecibels, valuesOf } from "../../src/measure/judge-outputs.ts";
import { fittedSamples, heldOutSamples } from "../../src/measure/split-samples.ts";

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

    const layers = layersOf(graph, real);
    if (layers.length === 0) return;
    const fake = copyGraph(graph);
    foldDequantized(fake);
    const network = await Promise.all([
      judgeable(
        real,
        createExecutor,
        layers.map(({ realName }) => realName),
      ),
      judgeable(
        fake,
        createExecutor,
        layers.map(({ name }) => name),
      ),
    ]);
    const [{ executor: realExecutor }, { executor: fakeExecutor }] = network;
    try {
      const used = fittedSamples(samples, options.samples || enoughSamples(graph));
      const corrected = correct(layers, realExecutor, fakeExecutor, used);
      const noises = judge(layers, corrected, network, samples);
      const better = noises.after < noises.before;
      find({
        summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
        "before dB": toDecibels(noises.before),
        "after dB": toDecibels(noises.after),
      });
      layers.forEach((layer, l) => {
        const { stored, largestStep } = corrected[l]!;
        count(better ? "corrected" : "withdrawn");
        if (!better) return;
        find({ value: layer.name, largestShift: largestStep });
        replaceBias(graph, layer, stored);
      });
    } finally {
      realExecutor.dispose();
      fakeExecutor.dispose();
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

interface Layer {
  /** Of the accumulator, in the fake-quantized and in the real graph. */
  readonly name: string;
  readonly realName: string;
  /** The dequantized bias the operation reads, and the stored constant behind it. */
  readonly read: Value;
  readonly bias: Value;
  readonly quantization: Quantization;
}

/** Accumulators with a stored bias, in order of computation. */
function layersOf(graph: Graph, real: Graph): Layer[] {
  const realNames = new Set(real.values.map(({ name }) => name));
  return graph.operations.flatMap((operation): Layer[] => {
    const form = operation.definition.integer;
    if (form?.kind !== "accumulator" || form.bias === undefined) return [];
    const named = nameOperands(operation.definition, operation.operands) as Record<string, Value | undefined>;
    const read = named[form.bias];
    const bias = read?.producer?.definition === dequantize ? read.producer.operands[0] : undefined;
    if (read === undefined || bias === undefined || !isConstant(bias)) return [];
    const { name } = operation.result;
    // What is stored took the name, and the real value another.
    const realName = realNames.has(name) ? name : storedName(operation.result);
    if (realName === undefined || !realNames.has(realName)) return [];
    return [{ name, realName, read, bias, quantization: bias.type.quantization! }];
  });
}

const storedName = ({ users }: Value): string | undefined => {
  const [only] = users;
  return users.size === 1 ? only!.result.name : undefined;
};

interface Corrected {
  readonly stored: Tensor;
  /** In steps of the bias. */
  readonly largestStep: number;
}

/** Leaves the executor with the corrected biases. */
function correct(
  layers: readonly Layer[],
  real: Executor,
  fake: Executor,
  samples: readonly (readonly Tensor[])[],
): Corrected[] {
  if (fake.suspend === undefined) throw new Error(`${fake.engine} cannot wait before a layer`);
  const wanted = new Map(layers.map(({ realName, bias }) => [realName, newMeans(bias)]));
  for (const sample of samples)
    real.run(sample, (name, values) => {
      const means = wanted.get(name);
      if (means !== undefined) addTo(means, values);
    });
  const waiting = samples.map((sample) => fake.suspend!(sample));
  return layers.map((layer) => {
    const means = newMeans(layer.bias);
    for (const inference of waiting) addTo(means, inference.peek(layer.name));
    const found = moved(layer, wanted.get(layer.realName)!, means);
    fake.setConstant!(layer.read.name, realsOf(found.stored, layer.quantization));
    return found;
  });
}

interface Means {
  readonly sums: Float64Array;
  /** Values in each sum. */
  count: number;
}

const newMeans = ({ type }: Value): Means => ({ sums: new Float64Array(type.shape[0]!), count: 0 });

/** Channels are the last axis, as biases are added. */
function addTo(means: Means, values: Tensor): void {
  const { sums } = means;
  const { data } = values;
  const channels = sums.length;
  for (let i = 0, c = 0; i < data.length; i++) {
    sums[c]! += data[i] as number;
    if (++c === channels) c = 0;
  }
  means.count += data.length / channels;
}

const i32Limit = 2 ** 31;

function moved({ bias, quantization }: Layer, wanted: Means, found: Means): Corrected {
  const old = constantOf(bias)!;
  let largestStep = 0;
  const stored = Array.from(numbersOf(old), (b: number, c: number) => {
    const difference = wanted.sums[c]! / wanted.count - found.sums[c]! / found.count;
    const step = roundHalfAwayFromZero(difference / sliceQuantization(quantization, c).scale);
    const after = b + step;
    if (!(after >= -i32Limit && after < i32Limit)) return b;
    largestStep = Math.max(largestStep, Math.abs(step));
    return after;
  });
  return { stored: tensor("i32", old.shape, stored), largestStep };
}

function replaceBias(graph: Graph, { bias, read }: Layer, value: Tensor): void {
  const { name, type, producer } = bias;
  graph.rename(bias, `${name}_uncorrected`);
  const options = { type, name, origin: producer?.origin, before: read.producer! };
  const replacement = graph.create(constant, {}, maskedBy(value, maskOf(bias)), options);
  graph.replaceOperand(read.producer!, bias, replacement.result);
  eraseUnread(graph, producer);
}

type Network = Awaited<ReturnType<typeof judgeable>>;

/** Noise over signal on the samples held out, with the biases as they were and as they are now. */
function judge(
  layers: readonly Layer[],
  corrected: readonly Corrected[],
  [real, fake]: readonly [Network, Network],
  samples: SampleSource,
): { readonly before: number; readonly after: number } {
  const set = (storedOf: (l: number) => Tensor): void => {
    layers.forEach(({ read, quantization }, l) => {
      fake.executor.setConstant!(read.name, realsOf(storedOf(l), quantization));
    });
  };
  const ratioWith = (storedOf: (l: number) => Tensor): number => {
    set(storedOf);
    const ratio = new NoiseRatio();
    for (const sample of heldOutSamples(samples))
      ratio.add(valuesOf(real.executor, sample, real.names), valuesOf(fake.executor, sample, fake.names));
    return ratio.ratio;
  };
  return {
    before: ratioWith((l) => constantOf(layers[l]!.bias)!),
    after: ratioWith((l) => corrected[l]!.stored),
  };
}
