/**
 * Ranges that leave out part of what was seen, from one histogram (algorithms.md 2.2 and 2.4).
 *
 * `percentileRange` cuts a share of the values off each end. `leastErrorRange` cuts where the squared error of quantization is
 * smallest: a narrower range has finer steps and moves more values to its ends. The error may have several minima, so a
 * coarse grid comes before the golden section. With values on both sides of zero the two ends are sought in turn, each with
 * the other held, until neither gains.
 */
import type { AffineRange } from "./affine.ts";
import type { Histogram } from "./histogram.ts";
import { squaredError, type Density, type Grid } from "./quantization-error.ts";

/**
 * Leaves out (100 - percent) / 2 percent of the values at each end, never going beyond the extremes; with `symmetric`, the range
 * is [-a, a] with the first bin edge a below which lie `percent` percent of the magnitudes.
 */
export function percentileRange(histogram: Histogram, percent: number, symmetric = false): AffineRange {
  const { counts, half, binWidth, min, max, count } = histogram;
  if (symmetric) {
    const wanted = (percent / 100) * count;
    let below = 0;
    for (let j = 0; j < half; j++) {
      below += counts[half + j]! + counts[half - 1 - j]!;
      if (below < wanted) continue;
      const edge = Math.min((j + 1) * binWidth, Math.max(-min, max));
      return { min: -edge, max: edge };
    }
    const largest = Math.max(-min, max);
    return { min: -largest, max: largest };
  }
  const cut = ((100 - percent) / 200) * count;
  let first = 0;
  for (let below = counts[0]!; below <= cut && first < 2 * half - 1;) below += counts[++first]!;
  let last = 2 * half - 1;
  for (let above = counts[last]!; above <= cut && last > first;) above += counts[--last]!;
  return {
    min: Math.max(min, (first - half) * binWidth),
    max: Math.min(max, (last + 1 - half) * binWidth),
  };
}

const coarse = 100;
/** Of the largest magnitude. */
const precision = 1e-4;
const rounds = 4;

/**
 * The range whose grid moves the counted values least, in squares.
 *
 * @param gridOf the grid of a range that holds zero
 */
export function leastErrorRange(
  density: Density,
  gridOf: (low: number, high: number) => Grid,
  symmetric = false,
): AffineRange {
  const [low, high] = [Math.min(density.min, 0), Math.max(density.max, 0)];
  if (low === 0 && high === 0) return { min: 0, max: 0 };
  const error = (a: number, b: number): number => squaredError(density, gridOf(a, b));
  if (symmetric) {
    const largest = Math.max(-low, high);
    const { at } = minimize((t) => error(-t * largest, t * largest));
    return { min: -at * largest, max: at * largest };
  }
  if (low === 0) return { min: 0, max: high * minimize((t) => error(0, t * high)).at };
  if (high === 0) return { min: low * minimize((t) => error(t * low, 0)).at, max: 0 };

  const both = minimize((t) => error(t * low, t * high));
  let [a, b] = [both.at, both.at];
  let least = both.value;
  for (let round = 0; round < rounds; round++) {
    const before = least;
    const up = minimize((t) => error(a * low, t * high));
    if (up.value < least) [b, least] = [up.at, up.value];
    const down = minimize((t) => error(t * low, b * high));
    if (down.value < least) [a, least] = [down.at, down.value];
    if (least > before * (1 - precision)) break;
  }
  return { min: a * low, max: b * high };
}

/** The minimum over (0, 1]: the best of `coarse` fractions, then a golden section between its neighbours. */
export function minimize(f: (t: number) => number): { readonly at: number; readonly value: number } {
  let [at, value] = [1, f(1)];
  for (let i = 1; i < coarse; i++) {
    const found = f(i / coarse);
    if (found < value) [at, value] = [i / coarse, found];
  }
  const ratio = (Math.sqrt(5) - 1) / 2;
  // Never zero: that would be no range.
  let [left, right] = [Math.max(at - 1 / coarse, precision), Math.min(at + 1 / coarse, 1)];
  let [inner, outer] = [right - ratio * (right - left), left + ratio * (right - left)];
  let [innerValue, outerValue] = [f(inner), f(outer)];
  while (right - left > precision) {
    if (innerValue < outerValue) {
      if (innerValue < value) [at, value] = [inner, innerValue];
      right = outer;
      [outer, outerValue] = [inner, innerValue];
      inner = right - ratio * (right - left);
      innerValue = f(inner);
    } else {
      if (outerValue < value) [at, value] = [outer, outerValue];
      left = inner;
      [inner, innerValue] = [outer, outerValue];
      outer = left + ratio * (right - left);
      outerValue = f(outer);
    }
  }
  return { at, value };
}
