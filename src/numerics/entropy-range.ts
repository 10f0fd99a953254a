/**
 * Ranges whose quantized distribution says most of the real one: the least Kullback-Leibler divergence over thresholds (algorithms.md
 * 2.3). There are two such methods in the world, which give different ranges:
 *
 *     ort      ONNX Runtime's. The slice of bins about zero, outliers added to its ends, against the same merged into equal groups;
 *              the first minimum.
 *     nvidia   of TensorRT and pytorch-quantization. Magnitudes, the first bin made equal to the second; outliers added to the last bin
 *              of the reference alone; the last minimum, and its left edge.
 *
 * Both are run on this compiler's histogram: 2,048 bins on each side of zero whose width doubles when a value does not fit. Values
 * that are exactly zero are left out: zero is a level of every grid, and behind a ReLU they are half of all.
 */
import type { AffineRange } from "./affine.ts";
import { log } from "./elementary.ts";
import type { Histogram } from "./histogram.ts";

/** Of the distribution the first bins of which are merged: 7 bits and a sign. */
const ortLevels = 128;
const ortSmoothing = 1e-4;

/** Both ends at once: the slice has as many bins below zero as above. */
export function ortEntropyRange(histogram: Histogram, symmetric = false): AffineRange {
  const { half, binWidth, min, max } = histogram;
  const reach = ortThreshold(withoutZeros(histogram), ortLevels);
  if (reach === undefined) return clipped(histogram, Infinity, symmetric);
  if (symmetric) return clipped(histogram, reach * binWidth, true);
  const last = Math.min(reach + 1, half);
  return {
    min: Math.min(0, Math.max(min, -reach * binWidth)),
    max: Math.max(0, Math.min(max, last * binWidth)),
  };
}

/**
 * The number of bins below zero, of an even number of bins about zero, that the slice of least divergence has; undefined where no
 * slice can be judged.
 */
export function ortThreshold(bins: Float64Array, levels: number): number | undefined {
  const zero = bins.length / 2;
  const sums = cumulated(bins);
  let [least, found] = [Infinity, undefined as number | undefined];
  for (let reach = levels / 2; reach <= zero; reach++) {
    const [begin, end] = [zero - reach, Math.min(zero + reach + 1, bins.length)];
    const divergence = ortDivergence(bins, sums, begin, end, levels);
    if (divergence < least) [least, found] = [divergence, reach];
  }
  return found;
}

function ortDivergence(
  bins: Float64Array,
  sums: Float64Array,
  begin: number,
  end: number,
  levels: number,
): number {
  const size = end - begin;
  const reference = bins.slice(begin, end);
  reference[0]! += sums[begin]!;
  reference[size - 1]! += sums[bins.length]! - sums[end]!;
  const merged = Math.floor(size / levels);
  const quantized = new Float64Array(size);
  for (let level = 0; level < levels; level++) {
    const [from, to] = [level * merged, (level + 1) * merged];
    // What is left over counts for the last level, but is not spread over its own bins.
    const all = sums[level === levels - 1 ? end : begin + to]! - sums[begin + from]!;
    let filled = 0;
    for (let i = from; i < to; i++) if (reference[i] !== 0) filled++;
    if (filled === 0) continue;
    const share = Math.trunc(all / filled);
    for (let i = from; i < to; i++) quantized[i] = share;
  }
  return smooth(reference) && smooth(quantized) ? divergenceOf(reference, quantized) : Infinity;
}

/** Zeros get a little of what the others have; false where they would take all. */
function smooth(distribution: Float64Array): boolean {
  let zeros = 0;
  for (const x of distribution) if (x === 0) zeros++;
  const others = distribution.length - zeros;
  const taken = (ortSmoothing * zeros) / others;
  if (!(taken < 1)) return false;
  for (let i = 0; i < distribution.length; i++)
    distribution[i] = distribution[i] === 0 ? ortSmoothing : distribution[i]! - taken;
  return true;
}

const nvidiaFirst = 128;

/** Of magnitudes. */
export function nvidiaEntropyRange(histogram: Histogram, symmetric = false): AffineRange {
  const { half, binWidth, min } = histogram;
  const bins = withoutZeros(histogram);
  const magnitudes = Float64Array.from({ length: half }, (_, i) => bins[half + i]! + bins[half - 1 - i]!);
  const threshold = nvidiaThreshold(magnitudes, min < 0 ? 128 : 256);
  return clipped(histogram, threshold === undefined ? Infinity : threshold * binWidth, symmetric);
}

/** The bin of magnitudes where to cut; undefined where there is nothing to judge by. */
export function nvidiaThreshold(magnitudes: Float64Array, levels: number): number | undefined {
  const bins = magnitudes.slice();
  bins[0] = bins[1]!;
  const sums = cumulated(bins);
  let [least, found] = [Infinity, undefined as number | undefined];
  for (let end = Math.min(nvidiaFirst, bins.length); end <= bins.length; end++) {
    const reference = bins.slice(0, end);
    reference[end - 1]! += sums[bins.length]! - sums[end]!;
    const quantized = new Float64Array(end);
    for (let from = 0, level = 0; from < end; level++) {
      const to = Math.min(end, Math.ceil(((level + 1) * end) / levels));
      let filled = 0;
      for (let i = from; i < to; i++) if (bins[i] !== 0) filled++;
      for (let i = from; i < to; i++) if (bins[i] !== 0) quantized[i] = (sums[to]! - sums[from]!) / filled;
      from = to;
    }
    const divergence = divergenceOf(reference, quantized);
    if (divergence <= least && divergence < Infinity) [least, found] = [divergence, end];
  }
  return found;
}

/** Σ p log(p / q) of two distributions, each made to sum to one; infinite where q has nothing and p something. */
function divergenceOf(p: Float64Array, q: Float64Array): number {
  const [all, allOther] = [p, q].map((each) => each.reduce((sum, x) => sum + x, 0));
  let divergence = 0;
  for (let i = 0; i < p.length; i++) {
    if (p[i] === 0) continue;
    if (!(q[i]! > 0)) return Infinity;
    const share = p[i]! / all!;
    divergence += share * log(share / (q[i]! / allOther!));
  }
  return Number.isNaN(divergence) ? Infinity : divergence;
}

function withoutZeros({ counts, half, zeroCount }: Histogram): Float64Array {
  const bins = Float64Array.from(counts);
  bins[half]! -= zeroCount;
  return bins;
}

/** Element i: the sum of the first i. */
function cumulated(bins: Float64Array): Float64Array {
  const sums = new Float64Array(bins.length + 1);
  bins.forEach((count, i) => (sums[i + 1] = sums[i]! + count));
  return sums;
}

function clipped({ min, max }: Histogram, threshold: number, symmetric: boolean): AffineRange {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  if (!symmetric) return { min: Math.max(low, -threshold), max: Math.min(high, threshold) };
  const reach = Math.min(threshold, Math.max(-low, high));
  return { min: -reach, max: reach };
}
