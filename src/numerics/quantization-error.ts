/**
 * How far quantization moves the values a histogram has counted, exactly, for values that lie uniformly within each bin.
 *
 * A grid has the levels scale * k for integers k in [low, high]; x goes to the nearest. In units u = x / scale, with k the level
 * nearest to u, the integral of the squared error from 0 to x has a closed form that holds beyond the outermost levels too:
 *
 *     G(x) = scale^3 * (k / 12 + (u - k)^3 / 3)
 *
 * for a whole cell contributes 1/12, and the last, partial one from its level to u contributes (u - k)^3 / 3. A bin [a, b) with n
 * values then adds n * (G(b) - G(a)) / (b - a). Zero is a level of every grid, so values that are exactly zero add nothing:
 * they are taken out, or half the outputs of a relu would seem to be moved.
 */
import type { Histogram } from "./histogram.ts";

/** The reals `scale * k`, k in [low, high]; low <= 0 <= high. */
export interface Grid {
  readonly scale: number;
  readonly low: number;
  readonly high: number;
}

/** Bins that hold something, zeros left out, the outermost cut off at the extremes. */
export interface Density {
  readonly begins: Float64Array;
  readonly ends: Float64Array;
  readonly counts: Float64Array;
  /** Of all values, zeros included. */
  readonly min: number;
  readonly max: number;
  /** Finite values, zeros included. */
  readonly count: number;
}

export function densityOf(histogram: Histogram): Density {
  const { counts, half, binWidth, min, max, zeroCount } = histogram;
  const filled: [begin: number, end: number, count: number][] = [];
  counts.forEach((all, i) => {
    const count = i === half ? all - zeroCount : all;
    const begin = (i - half) * binWidth;
    if (count > 0) filled.push([Math.max(begin, min), Math.min(begin + binWidth, max), count]);
  });
  return {
    begins: Float64Array.from(filled, ([begin]) => begin),
    ends: Float64Array.from(filled, ([, end]) => end),
    counts: Float64Array.from(filled, ([, , count]) => count),
    min,
    max,
    count: histogram.count,
  };
}

/** Σ (x - nearest level)² over all values. */
export function squaredError({ begins, ends, counts }: Density, { scale, low, high }: Grid): number {
  const inverse = 1 / scale;
  let total = 0;
  let lastEnd = NaN;
  let lastIntegral = 0;
  for (let i = 0; i < counts.length; i++) {
    const begin = begins[i]!;
    const end = ends[i]!;
    const from = begin === lastEnd ? lastIntegral : integral(begin * inverse, low, high);
    const to = integral(end * inverse, low, high);
    const width = (end - begin) * inverse;
    // The bin of the largest value may have no width.
    total += counts[i]! * (width > 0 ? (to - from) / width : pointError(begin * inverse, low, high));
    lastEnd = end;
    lastIntegral = to;
  }
  return total * scale * scale;
}

/** Σ x² over all values. */
export function squaredSum({ begins, ends, counts }: Density): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    const [a, b] = [begins[i]!, ends[i]!];
    total += (counts[i]! * (a * a + a * b + b * b)) / 3;
  }
  return total;
}

function nearest(u: number, low: number, high: number): number {
  const k = Math.floor(u + 0.5);
  return k < low ? low : k > high ? high : k;
}

/** G in units of the scale. */
function integral(u: number, low: number, high: number): number {
  const k = nearest(u, low, high);
  const d = u - k;
  return k / 12 + (d * d * d) / 3;
}

function pointError(u: number, low: number, high: number): number {
  const d = u - nearest(u, low, high);
  return d * d;
}
