/** Clips against closed forms and sorted values: algorithms.md 2.2 and 2.4. */
import { describe, expect, test } from "vitest";
import { chooseAffine } from "../../src/numerics/affine.ts";
import { leastErrorRange, minimize, percentileRange } from "../../src/numerics/clip-range.ts";
import { Histogram } from "../../src/numerics/histogram.ts";
import { densityOf, squaredError, squaredSum, type Grid } from "../../src/numerics/quantization-error.ts";
import { createRandom } from "../../src/pass/random.ts";

const random = createRandom(11);
const draw = (count: number, next: () => number): Float64Array => Float64Array.from({ length: count }, next);
const gaussian = (): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
const laplace = (): number => (random.uniform() < 0.5 ? -1 : 1) * -Math.log(1 - random.uniform());
const histogramOf = (values: ArrayLike<number>, half?: number): Histogram => {
  const histogram = new Histogram(half);
  histogram.add(values);
  return histogram;
};

/** ±(2^(bits-1) - 1) steps. */
const symmetricGrid = (bits: number) => {
  const limit = 2 ** (bits - 1) - 1;
  return (low: number, high: number): Grid => ({
    scale: Math.max(-low, high) / limit,
    low: -limit,
    high: limit,
  });
};
const i8Grid = (low: number, high: number): Grid => {
  const { scale, zero } = chooseAffine(low, high, "i8");
  return { scale, low: -128 - zero, high: 127 - zero };
};

describe("squaredError", () => {
  test("is the mean over the bin: values spread over bins as on a line", () => {
    const values = draw(400_000, () => 4 * random.uniform() - 1.5);
    for (const grid of [i8Grid(-1.5, 2.5), i8Grid(-1, 1), symmetricGrid(3)(-0.7, 0.7)]) {
      const exact = values.reduce((sum, x) => {
        const k = Math.max(grid.low, Math.min(grid.high, Math.round(x / grid.scale)));
        return sum + (x - grid.scale * k) ** 2;
      }, 0);
      expect(squaredError(densityOf(histogramOf(values)), grid) / exact).toBeCloseTo(1, 1.5);
    }
  });

  test("zeros cost nothing, and a single value costs exactly its own error", () => {
    const grid = { scale: 0.25, low: 0, high: 3 };
    expect(squaredError(densityOf(histogramOf([0, 0, 0])), grid)).toBe(0);
    expect(squaredError(densityOf(histogramOf([2])), grid)).toBe((2 - 0.75) ** 2);
  });
});

describe("leastErrorRange", () => {
  const table = {
    gaussian: {
      values: draw(1_000_000, gaussian),
      clip: [1.22, 1.95, 2.47, 2.9, 3.27, 3.61, 3.92],
      decibels: [7.2, 13.3, 18.9, 24.3, 29.7, 35.1, 40.5],
    },
    laplace: {
      values: draw(1_000_000, laplace),
      clip: [2.0, 3.49, 4.82, 6.1, 7.36, 8.62, 9.88],
      decibels: [5.8, 10.8, 15.6, 20.4, 25.3, 30.2, 35.2],
    },
  };
  const rows = Object.entries(table).flatMap(([name, { values, clip, decibels }]) => {
    const density = densityOf(histogramOf(values));
    return clip.map((expected, i) => ({
      name,
      bits: i + 2,
      density,
      clip: expected,
      decibels: decibels[i]!,
    }));
  });
  test.each(rows)("$name, $bits bits: the table's clip and error", ({ bits, density, clip, decibels }) => {
    const range = leastErrorRange(density, symmetricGrid(bits), true);
    // The table has three digits.
    expect(Math.abs(range.max / clip - 1)).toBeLessThan(0.02 + 0.005 / clip);
    const error = squaredError(density, symmetricGrid(bits)(range.min, range.max));
    expect(Math.abs(10 * Math.log10(squaredSum(density) / error) - decibels)).toBeLessThan(0.1 + 0.05);
  });

  test("one-sided values keep zero as their end; zeros do not draw the clip down", () => {
    const values = draw(200_000, () => Math.max(0, gaussian()));
    const range = leastErrorRange(densityOf(histogramOf(values)), i8Grid);
    expect(range.min).toBe(0);
    const positive = values.filter((x) => x > 0);
    expect(range.max).toBeCloseTo(leastErrorRange(densityOf(histogramOf(positive)), i8Grid).max, 6);
    expect(leastErrorRange(densityOf(histogramOf(values.map((x) => -x))), i8Grid).max).toBe(0);
  });

  test("a planted outlier is cut off on its side only", () => {
    // Kept, it would cost 1e6 * (11 / 255)^2 / 12 = 155 in all; cut off, 9^2 = 81.
    const histogram = histogramOf(
      draw(1_000_000, () => 2 * random.uniform() - 1),
      8192,
    );
    histogram.add([10]);
    const { min, max } = leastErrorRange(densityOf(histogram), i8Grid);
    expect(max).toBeLessThan(4);
    expect(min).toBeCloseTo(-1, 1);
  });

  test("zeros alone have an empty range", () => {
    expect(leastErrorRange(densityOf(histogramOf([0, 0])), i8Grid)).toEqual({ min: 0, max: 0 });
  });
});

test("minimize finds the lower of two valleys", () => {
  const f = (t: number): number => Math.min((t - 0.2) ** 2 + 0.01, 3 * (t - 0.731) ** 2);
  expect(minimize(f).at).toBeCloseTo(0.731, 3);
});

describe("percentileRange", () => {
  const values = draw(50_000, () => gaussian() + 0.5);
  const histogram = histogramOf(values);
  const sorted = values.toSorted();

  test.each([90, 99, 99.9, 99.99])("%s percent: the sorted quantile, to a bin", (percent) => {
    const { min, max } = percentileRange(histogram, percent);
    const cut = Math.floor(((100 - percent) / 200) * values.length);
    expect(Math.abs(min - sorted[cut]!)).toBeLessThanOrEqual(histogram.binWidth);
    expect(Math.abs(max - sorted[values.length - 1 - cut]!)).toBeLessThanOrEqual(histogram.binWidth);
  });

  test("symmetric: the sorted quantile of magnitudes, to a bin", () => {
    const magnitudes = values.map(Math.abs).toSorted();
    const { min, max } = percentileRange(histogram, 99, true);
    expect(min).toBe(-max);
    expect(Math.abs(max - magnitudes[Math.ceil(0.99 * values.length) - 1]!)).toBeLessThanOrEqual(
      histogram.binWidth,
    );
  });

  test("all of it are the extremes", () => {
    const range = { min: sorted[0], max: sorted.at(-1) };
    expect(percentileRange(histogram, 100)).toEqual(range);
  });
});
