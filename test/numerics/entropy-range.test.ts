/**
 * Both entropy methods against transcriptions of their published descriptions, bin by bin and in their own terms, on recorded
 * histograms; and what they do to distributions whose answer is known.
 */
import { describe, expect, test } from "vitest";
import {
  nvidiaEntropyRange,
  nvidiaThreshold,
  ortEntropyRange,
  ortThreshold,
} from "../../src/numerics/entropy-range.ts";
import { Histogram } from "../../src/numerics/histogram.ts";
import { createRandom } from "../../src/pass/random.ts";

const random = createRandom(31);
const gaussian = (): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
const total = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0);

/** scipy.stats.entropy. */
function relativeEntropy(p: readonly number[], q: readonly number[]): number {
  const [sumP, sumQ] = [total(p), total(q)];
  return total(
    p.map((x, i) => {
      if (x === 0) return 0;
      return q[i] === 0 ? Infinity : (x / sumP) * Math.log(x / sumP / (q[i]! / sumQ));
    }),
  );
}

function transcribedOrt(hist: readonly number[], levels: number): number {
  const zero = Math.floor(hist.length / 2);
  const divergences: number[] = [];
  for (let i = Math.floor(levels / 2); i <= zero; i++) {
    const [start, end] = [zero - i, Math.min(zero + i + 1, hist.length)];
    const sliced = hist.slice(start, end);
    const p = [...sliced];
    p[0]! += total(hist.slice(0, start));
    p[p.length - 1]! += total(hist.slice(end));
    const nonzeros = p.map((x) => (x === 0 ? 0 : 1));
    const width = Math.floor(sliced.length / levels);
    const merged = Array.from({ length: levels }, (_, k) => total(sliced.slice(k * width, (k + 1) * width)));
    merged[levels - 1]! += total(sliced.slice(levels * width));
    const q = sliced.map(() => 0);
    merged.forEach((count, k) => {
      const filled = total(nonzeros.slice(k * width, (k + 1) * width));
      if (filled > 0) for (let b = k * width; b < (k + 1) * width; b++) q[b] = Math.trunc(count / filled);
    });
    const smoothed = [p, q].map((each) => {
      const empty = each.filter((x) => x === 0).length;
      const taken = (1e-4 * empty) / (each.length - empty);
      return taken < 1 ? each.map((x) => (x === 0 ? 1e-4 : x - taken)) : undefined;
    });
    const [a, b] = smoothed;
    divergences.push(a === undefined || b === undefined ? Infinity : relativeEntropy(a, b));
  }
  return Math.floor(levels / 2) + divergences.indexOf(Math.min(...divergences));
}

function transcribedNvidia(hist: readonly number[], levels: number): number {
  const bins = [...hist];
  bins[0] = bins[1]!;
  const divergences: number[] = [];
  for (let i = 128; i <= bins.length; i++) {
    const levelOf = (b: number): number => Math.floor((b * levels) / i);
    const counts = new Map<number, { sum: number; filled: number }>();
    for (let b = 0; b < i; b++) {
      if (bins[b] === 0) continue;
      const { sum, filled } = counts.get(levelOf(b)) ?? { sum: 0, filled: 0 };
      counts.set(levelOf(b), { sum: sum + bins[b]!, filled: filled + 1 });
    }
    const density = Array.from({ length: i }, (_, b) => {
      const level = counts.get(levelOf(b));
      return bins[b] === 0 ? 0 : level!.sum / level!.filled;
    });
    const reference = bins.slice(0, i);
    reference[i - 1]! += total(bins.slice(i));
    divergences.push(relativeEntropy(reference, density));
  }
  return 128 + divergences.lastIndexOf(Math.min(...divergences));
}

/** As recorded: a layer before its activation, one with outliers, magnitudes that fall like a geometric series. */
const recorded: readonly (readonly [string, () => number])[] = [
  ["gaussian", gaussian],
  ["outliers", () => gaussian() * (random.uniform() < 0.01 ? 6 : 1)],
  ["lopsided", () => Math.max(-0.5, gaussian()) + 0.3],
  ["exponential", () => -Math.log(1 - random.uniform())],
];

describe.each(recorded)("%s", (_, draw) => {
  const values = Array.from({ length: 20_000 }, draw);

  test("ort finds the bin of the transcription", () => {
    const histogram = new Histogram(512);
    histogram.add(values);
    const bins = Float64Array.from(histogram.counts);
    for (const levels of [16, 128])
      expect(ortThreshold(bins, levels)).toBe(transcribedOrt([...bins], levels));
  });

  test("nvidia finds the bin of the transcription", () => {
    const histogram = new Histogram(512);
    histogram.add(values.map(Math.abs));
    const bins = Float64Array.from(histogram.counts).slice(512);
    for (const levels of [128, 256])
      expect(nvidiaThreshold(bins, levels)).toBe(transcribedNvidia([...bins], levels));
  });

  test("ranges hold zero and go no further than what was seen", () => {
    const histogram = new Histogram();
    histogram.add(values);
    for (const range of [ortEntropyRange(histogram), nvidiaEntropyRange(histogram)]) {
      expect(range.min).toBeGreaterThanOrEqual(Math.min(0, histogram.min));
      expect(range.max).toBeLessThanOrEqual(Math.max(0, histogram.max));
      expect(range.max - range.min).toBeGreaterThan(0.2 * (histogram.max - histogram.min));
    }
    for (const range of [ortEntropyRange(histogram, true), nvidiaEntropyRange(histogram, true)])
      expect(range.min).toBe(-range.max);
  });
});

test("one far outlier is cut off, zeros behind a relu change nothing", () => {
  const values = Array.from({ length: 20_000 }, () => Math.max(0, gaussian()));
  const [all, some] = [new Histogram(), new Histogram()];
  all.add([...values, 40]);
  some.add([...values.filter((x) => x > 0), 40]);
  expect(nvidiaEntropyRange(all).max).toBeLessThan(20);
  expect(nvidiaEntropyRange(all)).toEqual({ ...nvidiaEntropyRange(some), min: 0 });
  expect(ortEntropyRange(all)).toEqual(ortEntropyRange(some));
});

test("nothing to judge by: all that was seen", () => {
  const zeros = new Histogram();
  zeros.add([0, 0]);
  for (const range of [ortEntropyRange(zeros), nvidiaEntropyRange(zeros)])
    expect([Math.abs(range.min), range.max]).toEqual([0, 0]);
});
