import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkShift,
  divideUnsigned,
  exponentBits,
  floatMax,
  floatMin,
  i64ToF32,
  pow2Bits,
  significandBits,
  truncateToI32,
  truncateToI64,
} from "../../src/numerics/machine.ts";

describe("minimum and maximum are comparisons", () => {
  test("a NaN on the left stays, one on the right is dropped", () => {
    expect(floatMin(NaN, 1)).toBeNaN();
    expect(floatMin(1, NaN)).toBe(1);
    expect(floatMax(NaN, 1)).toBeNaN();
    expect(floatMax(1, NaN)).toBe(1);
  });
  test("equal zeros keep the left one", () => {
    expect(floatMin(0, -0)).toBe(0);
    expect(floatMin(-0, 0)).toBe(-0);
    expect(floatMax(-0, 0)).toBe(-0);
  });
});

describe("float to integer truncates and saturates", () => {
  test.each([
    [NaN, 0],
    [Infinity, 2147483647],
    [-Infinity, -2147483648],
    [2147483647.9, 2147483647],
    [-2147483648.9, -2147483648],
    [2147483646.9, 2147483646],
    [-1.9, -1],
    [1.9, 1],
    [-0.5, 0],
  ])("%d to i32 is %d", (x, expected) => {
    expect(truncateToI32(x)).toBe(expected);
  });
  test.each([
    [NaN, 0n],
    [Infinity, 9223372036854775807n],
    [-Infinity, -9223372036854775808n],
    [2 ** 63, 9223372036854775807n],
    [-(2 ** 63), -9223372036854775808n],
    [-7.9, -7n],
  ])("%d to i64 is %s", (x, expected) => {
    expect(truncateToI64(x)).toBe(expected);
  });
});

describe("i64 to f32 rounds once", () => {
  test("where rounding to a double first goes wrong", () => {
    // Just above the middle of two floats, by less than a double can tell: must round up.
    const middle = 2n ** 61n + 2n ** 37n;
    expect(i64ToF32(middle)).toBe(2 ** 61);
    expect(i64ToF32(middle + 1n)).toBe(2 ** 61 + 2 ** 38);
    expect(i64ToF32(-middle - 1n)).toBe(-(2 ** 61) - 2 ** 38);
    expect(Math.fround(Number(middle + 1n))).toBe(2 ** 61);
    expect(i64ToF32(-(2n ** 63n))).toBe(-(2 ** 63));
  });
  test("is the nearest float, by exact distances", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (x) => {
        const rounded = i64ToF32(x);
        const words = new Int32Array(new Float32Array([rounded]).buffer);
        const distance = (y: number): bigint => (BigInt(y) > x ? BigInt(y) - x : x - BigInt(y));
        for (const step of [-1, 1]) {
          const neighbour = new Float32Array(new Int32Array([words[0]! + step]).buffer)[0]!;
          if (Number.isInteger(neighbour)) expect(distance(rounded) <= distance(neighbour)).toBe(true);
        }
      }),
    );
  });
});

describe("fields of a double", () => {
  test("pow2 over its whole domain", () => {
    let expected = 2.2250738585072014e-308;
    for (let k = -1022; k <= 1023; k++, expected *= 2) expect(pow2Bits(k)).toBe(expected);
    expect(pow2Bits(NaN)).toBe(1);
  });
  test("x = significand * 2^exponent", () => {
    fc.assert(
      fc.property(fc.double({ min: 2.2250738585072014e-308, noNaN: true, noDefaultInfinity: true }), (x) => {
        const significand = significandBits(x);
        expect(significand >= 1 && significand < 2).toBe(true);
        expect(significand * pow2Bits(exponentBits(x))).toBe(x);
      }),
    );
  });
});

test("unsigned division and shifts refuse what traps", () => {
  expect(divideUnsigned(-1, 2)).toBe(2147483647);
  expect(divideUnsigned(-1, 1)).toBe(-1);
  expect(divideUnsigned(7, -2)).toBe(0);
  expect(() => divideUnsigned(1, 0)).toThrow("internal: unsigned division by zero");
  expect(checkShift(31, 32)).toBe(31);
  expect(() => checkShift(32, 32)).toThrow("internal: shift");
  expect(() => checkShift(-1, 32)).toThrow("internal: shift");
});
