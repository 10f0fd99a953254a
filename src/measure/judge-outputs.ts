/**
 * How far quantized networks are from the real one, on samples: noise over signal of what decides.
 *
 * That is each output, but before a function of fixed quantization (a softmax) its operand: near 0 and 1 a softmax hides
 * errors that change the answer elsewhere. Several outputs count alike: their ratios of noise to signal are added.
 */
import type { Executor, ExecutorFactory } from "../exec/executor.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { log } from "../numerics/elementary.ts";
import { dequantize } from "../ops/dequantize.ts";
import { quantize } from "../ops/quantize.ts";
import { isConstant } from "../ir/match.ts";
import type { SampleSource } from "../pass/samples.ts";
import { numbersOf, type Tensor } from "../tensor/tensor.ts";
import { heldOutSamples } from "./split-samples.ts";

/** The value that decides an output, in a real or a fake-quantized graph. */
export function decidingValue(output: Value): Value {
  for (let value = output; value.producer !== undefined;) {
    const { definition, operands } = value.producer;
    const passesOn =
      definition === quantize || definition === dequantize || definition.integer?.kind === "same";
    if (definition.integer?.kind === "fixed") return isConstant(operands[0]!) ? output : operands[0]!;
    if (!passesOn || operands.length !== 1) break;
    value = operands[0]!;
  }
  return output;
}

export const decidingNames = (graph: Graph): string[] =>
  graph.outputs.map((value) => decidingValue(value).name);

/** One inference; the named values, which the executor was told to keep. */
export function valuesOf(
  executor: Executor,
  inputs: readonly Tensor[],
  names: readonly string[],
): Float64Array[] {
  const found = new Map<string, Float64Array>();
  executor.run(inputs, (name, tensor) => {
    if (names.includes(name)) found.set(name, Float64Array.from(numbersOf(tensor)));
  });
  return names.map((name) => {
    const values = found.get(name);
    if (values === undefined) throw new Error(`${executor.engine} did not show %${name}`);
    return values;
  });
}

/** Adds up noise and signal, output by output, and counts equal answers. */
export class NoiseRatio {
  readonly #noise: number[] = [];
  readonly #signal: number[] = [];
  #samples = 0;
  #alike = 0;

  /** One sample. */
  add(real: readonly Float64Array[], found: readonly Float64Array[]): void {
    this.#samples++;
    if (real.every((values, output) => placeOfLargest(values) === placeOfLargest(found[output]!)))
      this.#alike++;
    real.forEach((values, output) => {
      let [noise, signal] = [this.#noise[output] ?? 0, this.#signal[output] ?? 0];
      values.forEach((x, i) => {
        const difference = x - found[output]![i]!;
        noise += difference * difference;
        signal += x * x;
      });
      this.#noise[output] = noise;
      this.#signal[output] = signal;
    });
  }

  /** Infinity where noise meets no signal at all, 0 where there is none. */
  get ratio(): number {
    return this.#noise.reduce((sum, noise, i) => sum + (noise === 0 ? 0 : noise / this.#signal[i]!), 0);
  }

  get decibels(): number {
    return toDecibels(this.ratio);
  }

  /** The share of samples whose largest element, of every output, stays the largest. */
  get agreement(): number {
    return this.#alike / Math.max(1, this.#samples);
  }
}

/** The first of them. */
function placeOfLargest(values: Float64Array): number {
  let best = 0;
  values.forEach((value, i) => {
    if (value > values[best]!) best = i;
  });
  return best;
}

/** Of noise over signal. */
export const toDecibels = (ratio: number): number => (ratio === 0 ? Infinity : (-10 * log(ratio)) / log(10));

/** Whether a change stays: only if it lowered noise over signal on the samples held out. Says so, before and after. */
export function keepsChange(
  [before, after]: readonly number[],
  find: (finding: Readonly<Record<string, string | number>>) => void,
): boolean {
  const better = after! < before!;
  find({
    summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
    "before dB": toDecibels(before!),
    "after dB": toDecibels(after!),
  });
  return better;
}

/** What runs a graph so that its deciding values can be seen. */
export async function judgeable(
  graph: Graph,
  createExecutor: ExecutorFactory,
  alsoKeep: Iterable<string> = [],
): Promise<{ readonly executor: Executor; readonly names: readonly string[] }> {
  const names = decidingNames(graph);
  return { executor: await createExecutor(graph, new Set([...names, ...alsoKeep])), names };
}

/** Noise over signal of each graph's deciding values against the real one's, on the samples held out. */
export const noiseOfGraphs = async (...of: Parameters<typeof judgeGraphs>): Promise<number[]> =>
  (await judgeGraphs(...of)).map(({ ratio }) => ratio);

/** Each graph's deciding values against the real one's, on the samples held out. */
export async function judgeGraphs(
  real: Graph,
  graphs: readonly Graph[],
  samples: SampleSource,
  createExecutor: ExecutorFactory,
): Promise<readonly NoiseRatio[]> {
  const ratios = graphs.map(() => new NoiseRatio());
  await addNoise(ratios, real, graphs, heldOutSamples(samples), createExecutor);
  return ratios;
}

/** The same on these samples, added to what the ratios hold. */
export async function addNoise(
  ratios: readonly NoiseRatio[],
  real: Graph,
  graphs: readonly Graph[],
  samples: Iterable<readonly Tensor[]>,
  createExecutor: ExecutorFactory,
): Promise<void> {
  const opened = [await judgeable(real, createExecutor)];
  try {
    for (const graph of graphs) opened.push(await judgeable(graph, createExecutor));
    for (const sample of samples) {
      const [wanted, ...found] = opened.map(({ executor, names }) => valuesOf(executor, sample, names));
      found.forEach((values, g) => {
        ratios[g]!.add(wanted!, values);
      });
    }
  } finally {
    for (const { executor } of opened) executor.dispose();
  }
}
