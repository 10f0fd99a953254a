import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meanDyadic, ownShiftMultipliers } from "../../src/numerics/tflite-multipliers.ts";

test("every channel has its own shift and its full 31 bits", () => {
  const { multipliers, shifts } = ownShiftMultipliers([0.01, 0.5, 0, 2 ** -33, 3, 1 - 2 ** -40]);
  expect(shifts).toEqual([37, 31, 31, 31, 29, 30]);
  expect(multipliers).toEqual([Math.round(0.01 * 2 ** 37), 2 ** 30, 0, 0, 3 * 2 ** 29, 2 ** 30]);
});

describe("meanDyadic", () => {
  test("of one element is the ratio's, of a power of two only its shift differs", () => {
    expect(meanDyadic(0.75, 1)).toEqual({ multiplier: 3 * 2 ** 29, shift: 31 });
    expect(meanDyadic(0.75, 64)).toEqual({ multiplier: 3 * 2 ** 29, shift: 37 });
    expect(meanDyadic(0, 5)).toEqual({ multiplier: 0, shift: 31 });
    expect(meanDyadic(2 ** -33, 5)).toEqual({ multiplier: 0, shift: 31 });
  });

  test("is cut off, not rounded: 3/4 of 2^31 · 4, by 5 and by 7", () => {
    expect(meanDyadic(0.75, 5)).toEqual({ multiplier: Math.floor((3 * 2 ** 31) / 5), shift: 33 });
    expect(meanDyadic(0.75, 7)).toEqual({ multiplier: Math.floor((3 * 2 ** 31) / 7), shift: 33 });
    // (3 · 2^31) / 7 = 920350134.857…
    expect(meanDyadic(0.75, 7).multiplier).toBe(920350134);
  });

  test("stays within 62 bits of shift, at the price of bits of the multiplier", () => {
    const { multiplier, shift } = meanDyadic(2 ** -31, 1000);
    expect(shift).toBe(62);
    expect(multiplier).toBe(Math.floor(2 ** 31 / 1000));
  });

  test("is the nearest multiplier or one less, which is what the type rule allows", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -20, max: 8 }),
        fc.double({ min: 1, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 100000 }),
        (exponent, f, count) => {
          const ratio = f * 2 ** exponent;
          const { multiplier, shift } = meanDyadic(ratio, count);
          const nearest = Math.round((ratio / count) * 2 ** shift);
          expect([nearest, nearest - 1]).toContain(multiplier);
        },
      ),
      { seed: 4, numRuns: 5000 },
    );
  });
});
