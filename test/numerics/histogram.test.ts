import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Histogram } from "../../src/numerics/histogram.ts";

function histogramOf(values: readonly number[], half = 8): Histogram {
  const histogram = new Histogram(half);
  histogram.add(values);
  return histogram;
}

function stateOf(h: Histogram): unknown {
  return {
    counts: [...h.counts],
    binWidth: h.binWidth,
    min: h.min,
    max: h.max,
    count: h.count,
    zeroCount: h.zeroCount,
    nonFiniteCount: h.nonFiniteCount,
  };
}

const value = fc.oneof(
  fc.double({ min: -10, max: 10, noNaN: true }),
  fc.double(),
  fc.integer({ min: -20, max: 20 }).map((k) => k / 4),
);

describe("Histogram", () => {
  test("counts by hand", () => {
    const h = histogramOf([0, 0.5, 1.5, -0.5, 3, NaN, -Infinity], 4);
    expect(h.binWidth).toBe(1);
    expect([...h.counts]).toEqual([0, 0, 0, 1, 2, 1, 0, 1]);
    expect([h.min, h.max, h.count, h.zeroCount, h.nonFiniteCount]).toEqual([-0.5, 3, 5, 1, 2]);
  });

  test("the edges: half * w opens a wider bin, -half * w does not", () => {
    expect(histogramOf([4], 4).binWidth).toBe(2);
    expect(histogramOf([-4], 4).binWidth).toBe(1);
    expect(histogramOf([3.9999], 4).binWidth).toBe(1);
    expect(histogramOf([-4.0001], 4).binWidth).toBe(2);
  });

  test("every value lies in its bin, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 30 }), (values) => {
        const h = histogramOf(values);
        const expected = new Array<number>(16).fill(0);
        for (const x of values.filter(Number.isFinite))
          expected[Math.floor(x / h.binWidth || (x < 0 ? -1 : 0)) + 8]!++;
        expect([...h.counts]).toEqual(expected);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  test("neither the order nor a split over several histograms matters", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 30 }), fc.nat(30), (values, cut) => {
        const whole = stateOf(histogramOf(values));
        expect(stateOf(histogramOf(values.toReversed()))).toEqual(whole);
        const first = histogramOf(values.slice(0, cut));
        const second = histogramOf(values.slice(cut));
        first.merge(second);
        expect(stateOf(first)).toEqual(whole);
      }),
      { numRuns: 1000, seed: 2 },
    );
  });

  test("the width is the smallest power of two that fits", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e30, max: 1e30, noNaN: true }), (x) => {
        fc.pre(Math.abs(x) > 1e-200);
        const { binWidth } = histogramOf([x]);
        expect(Math.abs(Math.floor(x / binWidth) + 0.5)).toBeLessThan(8);
        expect(Math.abs(Math.floor((x / binWidth) * 2) + 0.5)).toBeGreaterThan(8);
      }),
      { seed: 3 },
    );
  });

  test("extremes of the doubles", () => {
    const h = histogramOf([Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324, -5e-324, 0]);
    expect(h.count).toBe(5);
    expect([...h.counts].filter((count) => count > 0)).toEqual([1, 1, 2, 1]);
  });

  test("an empty one says so, and unequal sizes do not merge", () => {
    const h = new Histogram();
    expect([h.count, h.min, h.max]).toEqual([0, Infinity, -Infinity]);
    expect(() => {
      h.merge(new Histogram(4));
    }).toThrow("internal");
    expect(() => new Histogram(3)).toThrow("internal");
  });
});
