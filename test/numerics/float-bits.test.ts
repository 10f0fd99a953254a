import fc from "fast-check";
import { expect, test } from "vitest";
import { pow2, splitExponent } from "../../src/numerics/float-bits.ts";

test("every power of two that a double holds", () => {
  let expected = 5e-324;
  for (let k = -1074; k <= 1023; k++, expected *= 2) {
    expect(pow2(k)).toBe(expected);
    expect(splitExponent(expected)).toEqual({ mantissa: 1, exponent: k });
  }
});

test.each([-1075, 1024, 0.5, NaN])("2^%s is refused", (k) => {
  expect(() => pow2(k)).toThrow("internal");
});

test.each([0, -1, Infinity, NaN])("%s has no exponent", (x) => {
  expect(() => splitExponent(x)).toThrow("internal");
});

test("the parts make up the number", () => {
  fc.assert(
    fc.property(fc.double({ min: 5e-324, max: Number.MAX_VALUE, noNaN: true }), (x) => {
      const { mantissa, exponent } = splitExponent(x);
      expect(mantissa).toBeGreaterThanOrEqual(1);
      expect(mantissa).toBeLessThan(2);
      const half = Math.floor(exponent / 2);
      expect(mantissa * pow2(half) * pow2(exponent - half)).toBe(x);
    }),
    { numRuns: 2000, seed: 1 },
  );
});
