/**
 * The levels and scales of one layer's weights, chosen so that its results stay near the real network's, on inputs the quantized
 * network gives it. Candidates, all with the bias that keeps each channel's mean:
 *
 *     nearest   the levels it has
 *     weights   rounded towards W                                                                  (algorithms.md 5.4)
 *     outputs   rounded towards W* = W · Σ x x̂ᵀ · (Σ x̂ x̂ᵀ)⁻¹, which makes good what was lost before  (5.4b)
 *
 * with x the rows of the real network and x̂ those of the quantized one. Where there is a bias all moments are about the means: the bias
 * takes care of those. Each is judged by the squared error of its results on samples held out.
 */
import { crossMoments, enoughRows, ownMoments, rowReader } from "../../src/measure/layer-inputs.ts";
import { elementFactors } from "../../src/numerics/group-codes.ts";
import { levelsOf } from "../../src/numerics/levels.ts";
import { reconstruct } from "../../src/numerics/least-squares.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import { RowRounder } from "../../src/numerics/second-order-rounding.ts";
import { constantOf } from "../../src/ir/match.ts";
import { elementBits, isOdd } from "../../src/tensor/element-type.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { meanKeepingBias, meanRowsOf, rowsOf } from "./layer-means.ts";
import { codeElement, type PairedLayer } from "./paired-layers.ts";
import type { InputPairs } from "./walk-layers.ts";

export type Aim = "nearest" | "weights" | "outputs";

export interface LayerRounding {
  readonly aim: Aim;
  /** outputs × length, row-major. */
  readonly integers: Int32Array;
  /** One for each output. */
  readonly scales: Float64Array;
  /** In reals. */
  readonly bias: Float64Array | undefined;
  /** Squared error over squared results, without their means where there is a bias, on the samples held out. */
  readonly noise: number;
}

export interface RoundingOptions {
  readonly aims: readonly Aim[];
  /** The finest scale an output may have, given its bias. */
  readonly leastScale: (output: number) => number;
}

type Candidate = Omit<LayerRounding, "noise">;

/** One candidate for each aim, in the order of `aims`. */
export function roundLayer(
  layer: PairedLayer,
  fitted: InputPairs,
  heldOut: InputPairs,
  { aims, leastScale }: RoundingOptions,
): LayerRounding[] {
  const { fake, weight } = layer;
  const { unfolding, outputs } = fake;
  const { length, groups } = unfolding;
  const perGroup = outputs / groups;
  const real = Float64Array.from(numbersOf(constantOf(layer.real.weight)!));
  const { integers: stored, scales: storedScales } = rowsOf(layer);
  const element = codeElement(weight);
  const levels = levelsOf(elementBits(element), isOdd(element) ? "odd" : "integers");
  const factors = weight.codes && elementFactors(weight.contents.shape, weight.codes);
  const fixedScale = weight.quantization.axis === undefined;

  const candidates = aims.map((aim) => ({
    aim,
    integers: Int32Array.from(stored),
    scales: Float64Array.from(storedScales),
  }));
  const moments = aims.some((aim) => aim !== "nearest") ? momentsOf(layer, fitted) : undefined;
  for (let group = 0; moments !== undefined && group < groups; group++) {
    const [first, last] = [group * perGroup, (group + 1) * perGroup];
    const about = (all: Moments): Moments => (layer.bias === undefined ? all : all.centered());
    const [own, cross] = [about(moments.own[group]!), about(moments.cross[group]!)];
    const weights = real.subarray(first * length, last * length);
    let rounder: RowRounder | undefined;
    for (const { aim, integers, scales } of candidates) {
      if (aim === "nearest") continue;
      rounder ??= new RowRounder(own.sums, length);
      const target = aim === "weights" ? weights : reconstruct(weights, weights, cross, own);
      for (let o = first; o < last; o++) {
        const row = target.subarray((o - first) * length, (o - first + 1) * length);
        const options = {
          fixedScale,
          leastScale: leastScale(o),
          ...(factors === undefined ? {} : { factors: factors.subarray(o * length, (o + 1) * length) }),
        };
        const rounded = rounder.round(row, levels, storedScales[o]!, options);
        integers.set(rounded.integers, o * length);
        scales[o] = rounded.scale;
      }
    }
  }
  const means = meanRowsOf(layer, fitted);
  const biased = candidates.map((candidate): Candidate => ({
    ...candidate,
    bias: meanKeepingBias(layer, candidate, means),
  }));
  return judge(layer, real, biased, heldOut);
}

function momentsOf(
  { fake: { unfolding } }: PairedLayer,
  samples: InputPairs,
): { own: readonly Moments[]; cross: readonly Moments[] } {
  const [own, cross] = [ownMoments(unfolding), crossMoments(unfolding, unfolding.length)];
  const read = rowReader(unfolding, enoughRows(unfolding, samples.length));
  for (const pair of samples)
    read(pair, ([x, quantized], group) => {
      own[group]!.add(quantized!);
      cross[group]!.add(x!, quantized);
    });
  return { own, cross };
}

const heldOutPlaces = 32;

function judge(
  { fake: { unfolding }, real: { bias: realBias } }: PairedLayer,
  real: Float64Array,
  candidates: readonly Candidate[],
  heldOut: InputPairs,
): LayerRounding[] {
  const { length, groups } = unfolding;
  const outputs = real.length / length;
  const perGroup = outputs / groups;
  const weights = candidates.map(({ integers, scales }) =>
    Float64Array.from(integers, (q, at) => q * scales[Math.floor(at / length)]!),
  );
  const realBiases = realBias && numbersOf(constantOf(realBias)!);
  const noise = candidates.map(() => 0);
  const [sums, squares] = [new Float64Array(outputs), new Float64Array(outputs)];
  let rows = 0;
  const read = rowReader(unfolding, heldOutPlaces);
  for (const pair of heldOut)
    read(pair, ([x, quantized], group) => {
      if (group === 0) rows++;
      for (let o = group * perGroup; o < (group + 1) * perGroup; o++) {
        const begin = o * length;
        const wanted = (realBiases?.[o] ?? 0) + rowProduct(real, begin, x!);
        sums[o]! += wanted;
        squares[o]! += wanted * wanted;
        candidates.forEach(({ bias }, c) => {
          const found = (bias?.[o] ?? 0) + rowProduct(weights[c]!, begin, quantized!);
          noise[c]! += (found - wanted) * (found - wanted);
        });
      }
    });
  const signal = squares.reduce(
    (sum, square, o) => sum + square - (realBiases === undefined ? 0 : (sums[o]! * sums[o]!) / rows),
    0,
  );
  return candidates.map((candidate, c) => ({
    ...candidate,
    noise: noise[c] === 0 ? 0 : noise[c]! / Math.max(signal, Number.MIN_VALUE),
  }));
}

function rowProduct(weights: Float64Array, begin: number, row: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < row.length; k++) sum += weights[begin + k]! * row[k]!;
  return sum;
}
