/** The exponentials of TensorFlow Lite's softmax: gemmlowp's operations in bigints, and the function they approximate. */
import { describe, expect, test } from "vitest";
import { expOfNegative, tfliteExponentials } from "../../src/numerics/fixed-point.ts";

const limit = (x: bigint): bigint => (x > 2147483647n ? 2147483647n : x < -2147483648n ? -2147483648n : x);
const multiply = (a: bigint, b: bigint): bigint => {
  const ab = a * b;
  return limit((ab + (ab >= 0n ? 1n << 30n : 1n - (1n << 30n))) / (1n << 31n));
};
const divide = (x: bigint, exponent: bigint): bigint => {
  const mask = (1n << exponent) - 1n;
  return (x >> exponent) + ((x & mask) > (mask >> 1n) + (x < 0n ? 1n : 0n) ? 1n : 0n);
};

/** As gemmlowp computes it, one barrel step after the other. */
function oracle(a: number): number {
  if (a === 0) return 2147483647;
  const quarter = 1n << 24n;
  const value = BigInt(a);
  const rest = BigInt.asIntN(32, (BigInt.asUintN(32, value) & (quarter - 1n)) - quarter);
  const x = limit(rest * 32n) + (1n << 28n);
  const [x2, x3, x4] = [
    multiply(x, x),
    multiply(multiply(x, x), x),
    multiply(multiply(x, x), multiply(x, x)),
  ];
  const tail = divide(multiply(divide(x4, 2n) + x3, 715827883n) + x2, 1n);
  let result = 1895147668n + multiply(1895147668n, x + tail);
  const quarters = rest - value;
  const factors = [1672461947n, 1302514674n, 790015084n, 290630308n, 39332535n, 720401n, 242n];
  factors.forEach((factor, k) => {
    if ((quarters & (quarter << BigInt(k))) !== 0n) result = multiply(result, factor);
  });
  return Number(result);
}

describe("expOfNegative", () => {
  const points = [
    0,
    -1,
    -2,
    -(2 ** 24) + 1,
    -(2 ** 24),
    -(2 ** 24) - 1,
    -(2 ** 26),
    -(2 ** 31),
    -(2 ** 31) + 1,
    ...Array.from({ length: 4000 }, (_, i) => -Math.floor((i * 2 ** 31) / 4000) - (i % 7)),
  ];

  test("equals gemmlowp's, at quarters, beside them and in between", () => {
    for (const a of points) expect(expOfNegative(a), String(a)).toBe(oracle(a));
  });

  test("is e^a to nine digits or so", () => {
    for (const a of points)
      expect(Math.abs(expOfNegative(a) / 2 ** 31 - Math.exp(a / 2 ** 26))).toBeLessThan(3e-7);
  });
});

describe("tfliteExponentials", () => {
  test.each([0.0001, 0.0146, 0.17, 0.5, 1])("falls from 1, scale %d", (scale) => {
    const powers = tfliteExponentials(scale);
    expect(powers[0]).toBe(2 ** 31 - 1);
    powers.forEach((power, d) => {
      if (d > 0) expect(power).toBeLessThanOrEqual(powers[d - 1]!);
      if (scale * d < 31) expect(Math.abs(power / 2 ** 31 - Math.exp(-scale * d))).toBeLessThan(4e-7);
    });
  });

  /** The largest difference that counts: CalculateInputRadius of TensorFlow Lite. */
  test.each([
    [0.17, 124],
    [2, 7],
    [15.9, 1],
    [16, 0],
    [40, 0],
  ])("is nothing where the difference leaves five bits: scale %d ends at %d", (scale, last) => {
    const powers = tfliteExponentials(scale);
    expect(powers.slice(last + 1).every((power) => power === 0)).toBe(true);
    const { length } = powers.filter((power) => power > 0);
    expect(length).toBe(last + 1);
  });
});
