import { expect, test } from "vitest";
import { wilson } from "../../src/numerics/interval.ts";

test("the bounds solve Wilson's equation (p̂ - p)² = z² p (1 - p) / n", () => {
  for (const [successes, n] of [
    [9, 10],
    [401, 450],
    [9000, 10000],
    [1, 3],
    [0, 5],
    [5, 5],
  ] as const) {
    const { low, high } = wilson(successes, n);
    const proportion = successes / n;
    for (const p of [low, high]) {
      expect((proportion - p) ** 2).toBeCloseTo((1.96 ** 2 * p * (1 - p)) / n, 12);
    }
    expect(low).toBeLessThanOrEqual(proportion);
    expect(high).toBeGreaterThanOrEqual(proportion);
    expect(low).toBeLessThan(high);
  }
});

test("10 000 samples at 90 % give about 0.6 points", () => {
  const { low, high } = wilson(9000, 10000);
  expect((high - low) / 2).toBeCloseTo(0.0059, 4);
});

test("the ends are exact, no samples say nothing, nonsense is refused", () => {
  expect(wilson(0, 7).low).toBe(0);
  expect(wilson(7, 7).high).toBe(1);
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  expect(() => wilson(3, 2)).toThrow("internal");
});
