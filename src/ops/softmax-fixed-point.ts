/**
 * Stored softmax as TensorFlow Lite's reference kernels and CMSIS-NN compute it, bit by bit: exponentials in Q(0), their sum in Q(12),
 * its reciprocal by three steps of Newton's method (numerics/fixed-point.ts says what Q(i) is).
 *
 *     T[d] = e^(-scale d) in Q(0)            S = Σ (T[d] >> 12, rounded)       in Q(12), at least 2^19
 *     N = S · 2^h in [2^30, 2^31)            the half denominator, in Q(0), in [1/2, 1)
 *     x = 48/17 - 32/17 N, then three times x += 4 · (x · (1 - N x))           in Q(2)
 *     y = min(255, (2x · T[d]) >> (34 - h), rounded) - 128
 *
 * gemmlowp's saturations do not happen here: x stays within (0, 2] and 1 - N x within 1/17, but for the last doubling, which is kept. T,
 * S's terms and the two roundings of y are halves away from zero of positive numbers. S has room for 4,095 elements. From S = 2^28 on,
 * which takes 512 elements or more that are nearly alike, the last shift is beyond 31, where gemmlowp's own is not defined: y is then -128.
 *
 * Source: TensorFlow Lite reference/softmax.h and internal/common.h (GetReciprocal); gemmlowp fixedpoint.h.
 */
import { add, compute, i32, load, min, mul, rescale, select, compare, shl, shr, sub } from "../expr/build.ts";
import type { Affine, Expression, Step } from "../expr/expression.ts";
import type { ExpressOperand, ExpressResult, InferFail } from "../ir/operation.ts";
import { divideByPowerOfTwo } from "../numerics/dyadic.ts";
import { tfliteExponentials } from "../numerics/fixed-point.ts";
import { pow2 } from "../numerics/float-bits.ts";
import { tensor } from "../tensor/tensor.ts";
import { largestStep, loopsOver, reduceAlong } from "./softmax-loops.ts";

const sumBits = 12;
const mostElements = 4095;
/** In Q(2). */
const [fortyEightSeventeenths, minusThirtyTwoSeventeenths, one] = [1515870810, -1010580540, 2 ** 29];

export function requireFixedPoint(scale: number, extent: number, fail: InferFail): void {
  if (extent > mostElements)
    fail("integer-form", `sums ${extent} exponentials in fixed point, expected at most ${mostElements}`);
  if (scale * pow2(26) <= 1) fail("integer-form", `has an input of scale ${scale}, expected above 2^-26`);
}

export function fixedPointSteps(input: ExpressOperand, axis: number, result: ExpressResult): Step[] {
  const { shape, element, quantization } = input.type;
  const powers = tfliteExponentials(quantization!.scale[0]!);
  const rounded = powers.map((power) => divideByPowerOfTwo(power, sumBits));
  const temporary = (name: string, type = "i32" as typeof element) =>
    result.temporary(name, type, shape.with(axis, 1));
  const [largest, total] = [temporary("max", element), temporary("sum")];
  const [headroom, reciprocal] = [temporary("headroom"), temporary("reciprocal")];
  const tableOf = (name: string, values: readonly number[]) => {
    const table = result.constant(name, tensor("i32", [256], values));
    return (index: readonly Affine[], single: readonly Affine[]): Expression =>
      load(table, [{ value: sub(load(largest, single), load(input.tensor, index)) }]);
  };
  const power = tableOf("exponentials", powers);

  const rows = loopsOver(shape.with(axis, 1), axis);
  const { domain, index, single } = loopsOver(shape, axis);
  return [
    largestStep(input, axis, largest),
    reduceAlong(shape, axis, total, "add", i32(0), tableOf("terms", rounded)),
    compute(headroom, rows.domain, headroomOf(load(total, rows.index))),
    compute(reciprocal, rows.domain, reciprocalOf(shl(load(total, rows.index), load(headroom, rows.index)))),
    compute(
      result.tensor,
      domain,
      quotientOf(rescale(load(reciprocal, single), power(index, single), i32(31)), load(headroom, single)),
    ),
  ];
}

/** By how many bits a positive i32 can be moved up and stay one. */
function headroomOf(x: Expression): Expression {
  let [moved, bits] = [x, i32(0)];
  for (const step of [16, 8, 4, 2, 1]) {
    const by = select(compare("lt", moved, i32(pow2(31 - step))), i32(step), i32(0));
    [moved, bits] = [shl(moved, by), add(bits, by)];
  }
  return bits;
}

function reciprocalOf(half: Expression): Expression {
  const product = (a: Expression, b: Expression): Expression => rescale(a, b, i32(31));
  let x = add(product(half, i32(minusThirtyTwoSeventeenths)), i32(fortyEightSeventeenths));
  for (let step = 0; step < 3; step++) {
    const error = sub(i32(one), product(half, x));
    x = add(x, mul(product(x, error), i32(4)));
  }
  return select(compare("ge", x, i32(2 ** 30)), i32(2 ** 31 - 1), mul(x, i32(2)));
}

/** (p + 2^(e-1)) >> e with e = 34 - headroom, for a p >= 0 that leaves no room for the addition; 0 from e = 32 on. */
function quotientOf(product: Expression, headroom: Expression): Expression {
  const rounded = shr(add(shr(product, min(sub(i32(33), headroom), i32(31))), i32(1)), i32(1));
  return add(min(rounded, i32(255)), i32(-128));
}

/** An oracle of one row, in bigints, with gemmlowp's operations as they are defined there. */
export function fixedPointRow(row: readonly number[], powers: readonly number[]): number[] {
  const largest = Math.max(...row);
  const divide = (x: bigint, exponent: bigint): bigint => (x + (1n << (exponent - 1n))) >> exponent;
  const product = (a: bigint, b: bigint): bigint => {
    const ab = a * b;
    return (ab + (ab >= 0n ? 1n << 30n : 1n - (1n << 30n))) / (1n << 31n);
  };
  const saturated = (x: bigint): bigint =>
    x > 2147483647n ? 2147483647n : x < -2147483648n ? -2147483648n : x;
  const total = row.reduce((sum, q) => sum + divide(BigInt(powers[largest - q]!), 12n), 0n);
  const leadingZeros = 32n - BigInt(total.toString(2).length);
  const lessOne = (total << leadingZeros) - (1n << 31n);
  const half = (lessOne + (1n << 31n) - 1n + 1n) / 2n;
  let x = BigInt(fortyEightSeventeenths) + product(half, BigInt(minusThirtyTwoSeventeenths));
  for (let step = 0; step < 3; step++) x += saturated(4n * product(x, BigInt(one) - product(half, x)));
  const scale = saturated(2n * x);
  return row.map((q) => {
    const y = divide(product(scale, BigInt(powers[largest - q]!)), 12n - leadingZeros + 31n - 8n);
    return Math.min(127, Number(y) - 128);
  });
}
