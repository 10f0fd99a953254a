import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseAffine, dequantizeValue, quantizeValue, storedRange } from "../../src/numerics/affine.ts";

const real = fc.double({ min: -1e6, max: 1e6, noNaN: true });

describe("chooseAffine", () => {
  test("follows the specification on known ranges", () => {
    expect(chooseAffine(-1, 1, "i8")).toEqual({ scale: Math.fround(2 / 255), zero: -1 });
    expect(chooseAffine(0, 6, "i8")).toEqual({ scale: Math.fround(6 / 255), zero: -128 });
    expect(chooseAffine(-6, 0, "i8")).toEqual({ scale: Math.fround(6 / 255), zero: 127 });
    expect(chooseAffine(0, 255, "u8")).toEqual({ scale: 1, zero: 0 });
    expect(chooseAffine(-1, 3, "i16")).toEqual({ scale: Math.fround(4 / 65535), zero: -16384 });
  });

  test("widens the range to hold zero", () => {
    expect(chooseAffine(2, 6, "i8")).toEqual(chooseAffine(0, 6, "i8"));
    expect(chooseAffine(-6, -2, "i8")).toEqual(chooseAffine(-6, 0, "i8"));
  });

  test("an all-zero range gets scale 1", () => {
    expect(chooseAffine(0, 0, "i8")).toEqual({ scale: 1, zero: 0 });
    expect(chooseAffine(-0, 0, "u8", {})).toEqual({ scale: 1, zero: 0 });
  });

  test("symmetric ranges cover both ends with zero point 0", () => {
    expect(chooseAffine(-1, 0.5, "i8", { symmetric: true, restricted: true })).toEqual({
      scale: Math.fround(1 / 127),
      zero: 0,
    });
    expect(chooseAffine(-1, 0.5, "i8", { symmetric: true })).toEqual({ scale: 1 / 128, zero: 0 });
    expect(chooseAffine(-0.5, 1, "i8", { symmetric: true })).toEqual({
      scale: Math.fround(1 / 127),
      zero: 0,
    });
    expect(() => chooseAffine(-1, 1, "u8", { symmetric: true })).toThrow("internal");
  });

  test("tiny ranges keep a normal scale, and impossible ones are refused", () => {
    expect(chooseAffine(0, 1e-44, "i8").scale).toBe(2 ** -126);
    expect(() => chooseAffine(1, 0, "i8")).toThrow("internal");
    expect(() => chooseAffine(NaN, 0, "i8")).toThrow("internal");
    expect(() => chooseAffine(0, Infinity, "i8")).toThrow("internal");
    expect(() => chooseAffine(0, 1e300, "i8")).toThrow("internal");
  });

  test.each(["i8", "u8", "i16", "u16"] as const)(
    "%s: errors stay below half a step, and zero is exact",
    (element) => {
      fc.assert(
        fc.property(real, real, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, t) => {
          const [min, max] = [Math.min(a, b, 0), Math.max(a, b, 0)];
          const { scale, zero } = chooseAffine(min, max, element);
          const { min: lo, max: hi } = storedRange(element);
          const x = min + t * (max - min);
          const back = dequantizeValue(quantizeValue(x, scale, zero, lo, hi), scale, zero);
          // The scale is rounded to f32, which over all steps may add 2^-24 of the range.
          expect(Math.abs(back - x)).toBeLessThanOrEqual(
            scale * 0.5 + (max - min) * 2 ** -24 + 2 ** -126 * 70000,
          );
          expect(dequantizeValue(quantizeValue(0, scale, zero, lo, hi), scale, zero)).toBe(0);
        }),
        { numRuns: 1000, seed: 5 },
      );
    },
  );
});

describe("quantizeValue", () => {
  test.each(["i8", "u8", "i16", "u16"] as const)("every stored %s survives the round trip", (element) => {
    const { min, max } = storedRange(element);
    for (const [scale, zero] of [
      [Math.fround(0.1), 3],
      [Math.fround(3.7e-5), max],
      [1, min],
    ] as const) {
      for (let stored = min; stored <= max; stored++) {
        const back = quantizeValue(dequantizeValue(stored, scale, zero), scale, zero, min, max);
        if (back !== stored) expect(back, `scale ${scale} zero ${zero}`).toBe(stored);
      }
    }
  });

  test("halves go away from zero before the zero point is added", () => {
    const stored = [-1.25, -0.75, -0.25, 0.25, 0.75, 1.25].map((x) => quantizeValue(x, 0.5, 10, -128, 127));
    expect(stored).toEqual([7, 8, 9, 11, 12, 13]);
  });

  test("clamps, and maps NaN to the zero point", () => {
    expect(quantizeValue(1e30, 0.5, 0, -128, 127)).toBe(127);
    expect(quantizeValue(-Infinity, 0.5, 0, -128, 127)).toBe(-128);
    expect(quantizeValue(NaN, 0.5, -7, -128, 127)).toBe(-7);
  });
});

test("the restricted range leaves out the lowest integer of signed types only", () => {
  expect(storedRange("i8", { restricted: true })).toEqual({ min: -127, max: 127 });
  expect(storedRange("u8", { restricted: true })).toEqual({ min: 0, max: 255 });
});
