/**
 * Levels and scales for one layer's weights, chosen so that its results stay near the real network's, on inputs the quantized
 * network gives it. Candidates, all with the bias that gives each channel the mean of y:
 *
 *     nearest   the levels it has
 *     weights   rounded towards W                                                             (algorithms.md 5.4)
 *     outputs   rounded towards W* = Σ y x̂ᵀ · (Σ x̂ x̂ᵀ)⁻¹, which makes good what was lost before  (5.4b)
 *
 * with x̂ the rows of the quantized network and y what they should give (layer-aims.ts): the real network's W x, or at the end of a residual
 * branch what is missing to its sum. Where there is a bias all moments are about the means: the bias takes care of those.
 */
import { constantOf } from "../../src/ir/match.ts";
import { wantedResult } from "../../src/measure/layer-aims.ts";
import { crossMoments, enoughRows, ownMoments, rowReader } from "../../src/measure/layer-inputs.ts";
import { elementFactors } from "../../src/numerics/group-codes.ts";
import { fitWeights } from "../../src/numerics/least-squares.ts";
import { levelsOf } from "../../src/numerics/levels.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import { RowRounder } from "../../src/numerics/second-order-rounding.ts";
import { elementBits, isOdd } from "../../src/tensor/element-type.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { layerMeans, meanKeepingBias, rowsOf } from "./layer-means.ts";
import { codeElement, type PairedLayer } from "./paired-layers.ts";
import type { LayerSample } from "./walk-layers.ts";

export type Aim = "nearest" | "weights" | "outputs";

export interface LayerRounding {
  /** outputs × length, row-major. */
  readonly integers: Int32Array;
  /** One for each output. */
  readonly scales: Float64Array;
  /** In reals. */
  readonly bias: Float64Array | undefined;
}

export interface RoundingOptions {
  readonly aims: readonly Aim[];
  /** The finest scale an output may have, given its bias. */
  readonly leastScale: (output: number) => number;
}

/** One candidate for each aim, in the order of `aims`. */
export function roundLayer(
  layer: PairedLayer,
  fitted: readonly LayerSample[],
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
  const inputs = fitted.map(({ input }) => input);
  const wanted = fitted.map((sample) => wantedResult(sample, layer.aim.bounds));
  const moments = aims.some((aim) => aim !== "nearest") ? momentsOf(layer, inputs, wanted) : undefined;
  for (let group = 0; moments !== undefined && group < groups; group++) {
    const [first, last] = [group * perGroup, (group + 1) * perGroup];
    const about = (all: Moments): Moments => (layer.bias === undefined ? all : all.centered());
    const [own, cross] = [about(moments.own[group]!), about(moments.cross[group]!)];
    const weights = real.subarray(first * length, last * length);
    const rounder = new RowRounder(own.sums, length);
    for (const { aim, integers, scales } of candidates) {
      if (aim === "nearest") continue;
      const target = aim === "weights" ? weights : fitWeights(cross.sums, weights, own);
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
  const means = layer.bias && layerMeans(layer, inputs, wanted);
  return candidates.map(({ integers, scales }) => ({
    integers,
    scales,
    bias: means && meanKeepingBias({ integers, scales }, means),
  }));
}

/** Products in one layer's moments: a few seconds. Where rows are short that is many places an image, which say a little more. */
const manyProducts = 2 ** 32;
const manyPlaces = 256;

/** Of the rows x̂ with themselves, and of what outputs should give with the rows. */
function momentsOf(
  { fake: { unfolding, outputs } }: PairedLayer,
  inputs: readonly Tensor[],
  wanted: readonly Tensor[],
): { own: readonly Moments[]; cross: readonly Moments[] } {
  const perGroup = outputs / unfolding.groups;
  const [own, cross] = [ownMoments(unfolding), crossMoments(unfolding, perGroup)];
  const read = rowReader(unfolding, enoughRows(unfolding, inputs.length, manyProducts, manyPlaces));
  for (const [s, input] of inputs.entries()) {
    const results = Float64Array.from(numbersOf(wanted[s]!));
    read([input], ([row], group, place) => {
      const first = place * outputs + group * perGroup;
      own[group]!.add(row!);
      cross[group]!.add(results.subarray(first, first + perGroup), row);
    });
  }
  return { own, cross };
}
