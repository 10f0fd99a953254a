/**
 * What calibration sees of one group of values, in constant memory, and the ranges that each method makes of it.
 *
 *     minmax           the smallest and the largest value seen
 *     moving-average   R ← (1 - c) R + c R_sample, from the first sample's, in the order of the samples    (algorithms.md 2.1)
 *     percentile       a share of the values left out at each end                                         (2.2)
 *     mse              the least squared error of quantization                                            (2.4)
 *     entropy-ort      the least divergence of the quantized distribution, as ONNX Runtime takes it       (2.3)
 *     entropy-nvidia   the same as TensorRT takes it                                                      (2.3)
 *
 * Each fifth of the samples is counted apart: a range made of the others is judged on it.
 */
import { holdOutStep } from "../../src/measure/split-samples.ts";
import { chooseAffine, type AffineRange } from "../../src/numerics/affine.ts";
import { leastErrorRange, percentileRange } from "../../src/numerics/clip-range.ts";
import { nvidiaEntropyRange, ortEntropyRange } from "../../src/numerics/entropy-range.ts";
import { Histogram } from "../../src/numerics/histogram.ts";
import {
  densityOf,
  squaredError,
  squaredSum,
  type Density,
  type Grid,
} from "../../src/numerics/quantization-error.ts";
import type { Width } from "./plan.ts";
import { stateType, wideType } from "./quantize-activations.ts";

/** What `auto` weighs up. Divergences take a hundred times as long to compute, and least squared error is what is judged. */
export const weighedMethods = ["minmax", "moving-average", "percentile", "mse"] as const;
export const rangeMethods = [...weighedMethods, "entropy-ort", "entropy-nvidia"] as const;
export type WeighedMethod = (typeof weighedMethods)[number];
export type RangeMethod = (typeof rangeMethods)[number];

export interface RangeOptions {
  readonly percentile: number;
  readonly average: number;
  readonly symmetric: boolean;
}

export interface RangeMeter {
  /** Of each fifth of the samples (split-samples.ts). */
  readonly parts: readonly Histogram[];
  /** Of the sample that is being looked at. */
  current: AffineRange | undefined;
  /** Moving averages without each part, and of all. */
  readonly averagesWithout: (AffineRange | undefined)[];
  average: AffineRange | undefined;
}

export const newRangeMeter = (): RangeMeter => ({
  parts: Array.from({ length: holdOutStep }, () => new Histogram()),
  current: undefined,
  averagesWithout: Array.from({ length: holdOutStep }, () => undefined),
  average: undefined,
});

/** Counts one tensor of a sample. */
export function look(meter: RangeMeter, values: ArrayLike<number>, part: number): void {
  meter.parts[part]!.add(values);
  let { min, max } = meter.current ?? { min: Infinity, max: -Infinity };
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    // False for NaN and infinities alike.
    if (x - x !== 0) continue;
    if (x < min) min = x;
    if (x > max) max = x;
  }
  if (min <= max) meter.current = { min, max };
}

/** Ends a sample. */
export function closeSample(meter: RangeMeter, part: number, { average: share }: RangeOptions): void {
  const { current, averagesWithout } = meter;
  if (current === undefined) return;
  const moved = (old: AffineRange | undefined): AffineRange =>
    old === undefined
      ? current
      : { min: old.min + share * (current.min - old.min), max: old.max + share * (current.max - old.max) };
  meter.average = moved(meter.average);
  averagesWithout.forEach((old, p) => {
    if (p !== part) averagesWithout[p] = moved(old);
  });
  meter.current = undefined;
}

/** What ranges are made of. */
export interface Seen {
  readonly values: Histogram;
  readonly density: Density;
  readonly average: AffineRange;
}

/** All that was seen, without one part where that leaves something finite. */
export function seenBy({ parts, averagesWithout, average }: RangeMeter, without?: number): Seen {
  const values = new Histogram(parts[0]!.half);
  const others = parts.filter((_, part) => part !== without);
  const enough = others.some(({ count }) => count > 0);
  for (const part of enough ? others : parts) values.merge(part);
  return {
    values,
    density: densityOf(values),
    average: (without === undefined ? undefined : averagesWithout[without]) ?? average!,
  };
}

/** The grid of eight bits for a range. */
export function gridOf(low: number, high: number): Grid {
  const { scale, zero } = chooseAffine(low, high, "i8");
  return { scale, low: -128 - zero, high: 127 - zero };
}

function wideGrid(low: number, high: number, width: Exclude<Width, "narrow">): Grid {
  const { quantization } = width === "wide" ? wideType(low, high) : stateType(Math.max(-low, high));
  return { scale: quantization.scale[0]!, low: -(2 ** 15), high: 2 ** 15 - 1 };
}

export function rangeBy(
  method: RangeMethod,
  { values, density, average }: Seen,
  { percentile, symmetric }: RangeOptions,
): AffineRange {
  switch (method) {
    case "minmax":
      return balanced({ min: values.min, max: values.max }, symmetric);
    case "moving-average":
      return balanced(average, symmetric);
    case "percentile":
      return percentileRange(values, percentile, symmetric);
    case "mse":
      return leastErrorRange(density, gridOf, symmetric);
    case "entropy-ort":
      return ortEntropyRange(values, symmetric);
    case "entropy-nvidia":
      return nvidiaEntropyRange(values, symmetric);
  }
}

function balanced(range: AffineRange, symmetric: boolean): AffineRange {
  if (!symmetric) return range;
  const largest = Math.max(-range.min, range.max);
  return { min: -largest, max: largest };
}

/** Noise over signal of a range on what was counted. */
export function noiseOf({ min, max }: AffineRange, density: Density, width: Width = "narrow"): number {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const noise = squaredError(density, width === "narrow" ? gridOf(low, high) : wideGrid(low, high, width));
  return noise === 0 ? 0 : noise / squaredSum(density);
}
