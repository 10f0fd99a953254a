/** Second-order rounding against nearest rounding and against all roundings there are. */
import { describe, expect, test } from "vitest";
import { levelsOf, nearestLevel, type Levels } from "../../src/numerics/levels.ts";
import { Moments } from "../../src/numerics/moments.ts";
import { RowRounder } from "../../src/numerics/second-order-rounding.ts";
import { createRandom } from "../../src/pass/random.ts";

const random = createRandom(11);
const row = (length: number): Float64Array => Float64Array.from({ length }, () => random.uniform() * 2 - 1);

/** Inputs that go together: mixtures of a few sources. */
function correlated(size: number, sources: number, rows: number): Moments {
  const mixing = Array.from({ length: size }, () => row(sources));
  const moments = new Moments(size);
  for (let n = 0; n < rows; n++) {
    const source = row(sources);
    moments.add(mixing.map((m) => m.reduce((sum, x, k) => sum + x * source[k]!, 0) + 0.1 * row(1)[0]!));
  }
  return moments;
}
const scaleFor = (weights: Float64Array, { largest }: Levels): number =>
  Math.fround(weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / largest);
const nearest = (weights: Float64Array, scale: number, levels: Levels): Int32Array =>
  Int32Array.from(weights, (w) => nearestLevel(levels, w / scale));

const grids: readonly (readonly [string, Levels])[] = [
  ["8 bits", levelsOf(8)],
  ["4 bits", levelsOf(4)],
  ["2 bits", levelsOf(2)],
  ["2 bits, odd", levelsOf(2, "odd")],
];

describe.each(grids)("%s", (_, levels) => {
  test("are levels, and never worse than the nearest", () => {
    for (const size of [1, 2, 7, 30]) {
      const rounder = new RowRounder(correlated(size, 4, 60).sums, size);
      for (let n = 0; n < 20; n++) {
        const weights = row(size);
        const scale = scaleFor(weights, levels);
        for (const fixedScale of [true, false]) {
          const found = rounder.round(weights, levels, scale, { fixedScale });
          for (const q of found.integers) expect(nearestLevel(levels, q)).toBe(q);
          if (fixedScale) expect(found.scale).toBe(scale);
          const error = rounder.error(weights, found.integers, found.scale);
          expect(Math.abs(found.error - error)).toBeLessThan(
            1e-9 * rounder.error(weights, [...row(size)].fill(0), 1),
          );
          const limit = rounder.error(weights, nearest(weights, scale, levels), scale);
          expect(error).toBeLessThanOrEqual(limit * (1 + 1e-9));
        }
      }
    }
  });

  test("correlated inputs: a small part of the error of nearest rounding", () => {
    const size = 40;
    const rounder = new RowRounder(correlated(size, 6, 400).sums, size);
    let [before, after] = [0, 0];
    for (let n = 0; n < 20; n++) {
      const weights = row(size);
      const scale = scaleFor(weights, levels);
      before += rounder.error(weights, nearest(weights, scale, levels), scale);
      after += rounder.round(weights, levels, scale).error;
    }
    expect(after).toBeLessThan(0.4 * before);
  });
});

describe("all roundings of few weights", () => {
  const levels = levelsOf(4);

  /** The least error over both neighbours of every weight. */
  function exhaustive(rounder: RowRounder, weights: Float64Array, scale: number): number {
    const below = Array.from(weights, (w) => Math.max(-7, Math.min(6, Math.floor(w / scale))));
    let least = Infinity;
    for (let choice = 0; choice < 2 ** weights.length; choice++) {
      const integers = below.map((q, i) => q + ((choice >> i) & 1));
      least = Math.min(least, rounder.error(weights, integers, scale));
    }
    return least;
  }

  test.each([3, 6, 9, 12])("%i weights: near the best of all", (size) => {
    const rounder = new RowRounder(correlated(size, 3, 100).sums, size);
    let [best, found, plain] = [0, 0, 0];
    for (let n = 0; n < 12; n++) {
      const weights = row(size);
      const scale = scaleFor(weights, levels);
      best += exhaustive(rounder, weights, scale);
      found += rounder.round(weights, levels, scale, { fixedScale: true }).error;
      plain += rounder.error(weights, nearest(weights, scale, levels), scale);
    }
    // Levels farther than the neighbours may be better still.
    expect(found).toBeLessThan(1.6 * best);
    expect(found - best).toBeLessThan(0.2 * (plain - best) + 1e-9);
  });

  test("inputs that have nothing to do with each other: the nearest is the best", () => {
    const diagonal = [4, 1, 9, 0.25];
    const sums = Float64Array.from({ length: 16 }, (_, at) => (at % 5 === 0 ? diagonal[at / 5]! : 0));
    const rounder = new RowRounder(sums, 4, 0);
    const weights = row(4);
    const scale = scaleFor(weights, levels);
    const { integers } = rounder.round(weights, levels, scale, { fixedScale: true });
    expect(integers).toEqual(nearest(weights, scale, levels));
  });
});

test("a scale below the least is not taken", () => {
  const rounder = new RowRounder(correlated(9, 3, 50).sums, 9);
  const weights = row(9);
  const levels = levelsOf(4);
  const scale = scaleFor(weights, levels);
  expect(rounder.round(weights, levels, scale, { leastScale: scale }).scale).toBeGreaterThanOrEqual(scale);
});

test("weights of zero stay zero", () => {
  const rounder = new RowRounder(correlated(5, 2, 50).sums, 5);
  const { integers, error } = rounder.round(new Float64Array(5), levelsOf(4), 1);
  expect([...integers]).toEqual([0, 0, 0, 0, 0]);
  expect(error).toBe(0);
});
