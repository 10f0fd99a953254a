/**
 * How much each piece of a layer's weights matters (algorithms.md 11.1): its squared magnitude, or the squared error that losing it brings
 * on the rows the layer sees (optimal-brain-surgeon.ts).
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { ownMoments, rowReader, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { defaultDamping } from "../../src/numerics/least-squares.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { surgeonFor, type Surgeon } from "./optimal-brain-surgeon.ts";

export type Norm = "l1" | "l2";

/** Of the weights of one piece. A piece never spans two outputs. */
export type Saliency = (members: readonly number[]) => number;

/** (Σ |w|)² or Σ w² */
export function magnitude(weights: ArrayLike<number>, norm: Norm): Saliency {
  if (norm === "l2") return (members) => members.reduce((sum, at) => sum + weights[at]! * weights[at]!, 0);
  return (members) => {
    const sum = members.reduce((total, at) => total + Math.abs(weights[at]!), 0);
    return sum * sum;
  };
}

/** A layer's weights and how to lose some of them at the least cost. */
export class FittedLayer {
  readonly #weights: ArrayLike<number>;
  readonly #length: number;
  readonly #surgeonOf: (output: number) => Surgeon;

  constructor(weights: ArrayLike<number>, outputs: number, moments: readonly Moments[]) {
    this.#weights = weights;
    this.#length = weights.length / outputs;
    const surgeons = moments.map((own) => surgeonFor(own, defaultDamping));
    this.#surgeonOf = (output) => surgeons[Math.floor((output * surgeons.length) / outputs)]!;
  }

  readonly saliency: Saliency = (members) => {
    const output = Math.floor(members[0]! / this.#length);
    const lost = members.map((at) => at - output * this.#length);
    return this.#surgeonOf(output).cost(this.#row(output), lost);
  };

  /** All weights after those that are not kept are lost. */
  fit(kept: Uint8Array): Float32Array {
    const fitted = Float32Array.from(this.#weights);
    for (let first = 0; first < fitted.length; first += this.#length) {
      const output = first / this.#length;
      const lost: number[] = [];
      for (let k = 0; k < this.#length; k++) if (kept[first + k] === 0) lost.push(k);
      fitted.set(this.#surgeonOf(output).fit(this.#row(output), lost), first);
    }
    return fitted;
  }

  #row(output: number): ArrayLike<number> {
    return Array.prototype.slice.call(
      this.#weights,
      output * this.#length,
      (output + 1) * this.#length,
    ) as number[];
  }
}

const mostSamples = 64;

/** The layers with the moments of what they see in this network. @throws DiagnosticError `no-samples` */
export async function measureLayers(
  graph: Graph,
  layers: readonly WeightedLayer[],
  { samples, executor: createExecutor }: PassContext,
): Promise<Map<WeightedLayer, FittedLayer>> {
  if (samples === undefined)
    fail("no-samples", "'prune-weights' has no samples to measure what the layers see", {
      help: "give some with --calibrate X.npy, or choose by magnitude: criterion=l2",
    });
  if (createExecutor === undefined) throw new Error("no executor in the context");
  const seen = layers.map(({ input, unfolding }) => ({
    input: input.name,
    moments: ownMoments(unfolding),
    read: rowReader(unfolding),
  }));
  const executor = await createExecutor(graph, new Set(layers.map(({ input }) => input.name)));
  try {
    for (const sample of fittedSamples(samples, mostSamples)) {
      const add = (name: string, values: Tensor): void => {
        for (const { input, moments, read } of seen)
          if (input === name)
            read([values], ([row], group) => {
              moments[group]!.add(row!);
            });
      };
      graph.inputs.forEach(({ name }, i) => {
        add(name, sample[i]!);
      });
      executor.run(sample, (name, values) => {
        if (!graph.inputs.some((input) => input.name === name)) add(name, values);
      });
    }
  } finally {
    executor.dispose();
  }
  return new Map(
    layers.map((layer, l) => {
      const weights = numbersOf(constantOf(layer.weight)!);
      return [layer, new FittedLayer(weights, layer.outputs, seen[l]!.moments)];
    }),
  );
}
