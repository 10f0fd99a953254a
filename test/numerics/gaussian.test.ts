/** Moments of a clamped normal distribution against sums over its density, Monte Carlo and what the literature has for relu. */
import { describe, expect, test } from "vitest";
import { clampedNormal, normalDensity, normalShareBelow } from "../../src/numerics/gaussian.ts";
import { normalNumbers } from "./normal.ts";

const cases: readonly [mean: number, deviation: number, low: number, high: number][] = [
  [0, 1, 0, Infinity],
  [1.5, 0.5, 0, Infinity],
  [-2, 1, 0, Infinity],
  [1000, 1e-2, 0, Infinity],
  [2, 3, 0, 6],
  [-1, 0.7, 0, 6],
  [8, 2, 0, 6],
  [0.3, 1.1, -1, 1],
  [5, 2, -Infinity, 4],
  [0.5, 2, -Infinity, Infinity],
];

describe("clampedNormal", () => {
  test.each(cases)("N(%d, %d²) between %d and %d: the sum over its density", (mean, deviation, low, high) => {
    // Over eight deviations; beyond lies less than 10⁻¹⁴.
    const steps = 200_000;
    const width = 16 / steps;
    let [first, second] = [0, 0];
    for (let i = 0; i < steps; i++) {
      const z = -8 + (i + 0.5) * width;
      const y = Math.min(Math.max(mean + deviation * z, low), high) - mean;
      first += y * normalDensity(z) * width;
      second += y * y * normalDensity(z) * width;
    }
    const found = clampedNormal({ mean, deviation }, low, high);
    expect(Math.abs(found.mean - mean - first)).toBeLessThan(1e-7 * deviation);
    expect(Math.abs(found.deviation ** 2 - (second - first * first))).toBeLessThan(1e-7 * deviation ** 2);
  });

  test("Monte Carlo, within five standard errors", () => {
    const normal = normalNumbers(5);
    const count = 200_000;
    for (const [mean, deviation, low, high] of cases) {
      const found = clampedNormal({ mean, deviation }, low, high);
      let sum = 0;
      for (let i = 0; i < count; i++) sum += Math.min(Math.max(mean + deviation * normal(), low), high);
      expect(Math.abs(sum / count - found.mean)).toBeLessThanOrEqual(
        (5 * found.deviation) / Math.sqrt(count) + 1e-9 * Math.abs(mean),
      );
    }
  });

  test("of relu, β Φ(β/γ) + γ φ(β/γ)", () => {
    for (const [beta, gamma] of [
      [0.5, 2],
      [-1, 1],
      [3, 0.25],
    ] as const)
      expect(clampedNormal({ mean: beta, deviation: gamma }, 0, Infinity).mean).toBeCloseTo(
        beta * normalShareBelow(beta / gamma) + gamma * normalDensity(beta / gamma),
        14,
      );
  });

  test("without deviation, the number itself, cut", () => {
    expect(clampedNormal({ mean: 7, deviation: 0 }, 0, 6)).toEqual({ mean: 6, deviation: 0 });
    expect(clampedNormal({ mean: -7, deviation: 0 }, 0, Infinity)).toEqual({ mean: 0, deviation: 0 });
  });

  test("far below a bound: next to nothing, and never below", () => {
    const { mean, deviation } = clampedNormal({ mean: -40, deviation: 1 }, 0, Infinity);
    expect(mean).toBeGreaterThanOrEqual(0);
    expect(mean).toBeLessThan(1e-13);
    expect(deviation).toBeLessThan(1e-6);
  });
});
