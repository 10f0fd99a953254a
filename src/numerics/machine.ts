/**
 * The machine operations that JavaScript has no operator for, exactly as the compiled code performs them. Both interpreters (of
 * tensor expressions and of loops) take them from here; docs/arithmetic.md states them.
 *
 * All of them are total: where the contract leaves a result open (`pow2` of a fraction), they give what the bits give and never
 * throw, because a NaN in a user's data must run through a float network as it runs through compiled code.
 */

const lowestI32 = -(2 ** 31);
const highestI32 = 2 ** 31 - 1;
const lowestI64 = -(2n ** 63n);
const highestI64 = 2n ** 63n - 1n;

const doubles = new Float64Array(1);
const bits = new BigUint64Array(doubles.buffer);
const significandMask = (1n << 52n) - 1n;

/** A comparison, not IEEE's minimum: a NaN on the left stays, one on the right is dropped, min(0, -0) is 0. */
export const floatMin = (a: number, b: number): number => (b < a ? b : a);
export const floatMax = (a: number, b: number): number => (a < b ? b : a);

/** Toward zero, saturating; NaN gives 0. */
export function truncateToI32(x: number): number {
  if (x >= highestI32) return highestI32;
  if (x <= lowestI32) return lowestI32;
  return x | 0;
}

/** Toward zero, saturating; NaN gives 0. */
export function truncateToI64(x: number): bigint {
  if (Number.isNaN(x)) return 0n;
  if (x >= 2 ** 63) return highestI64;
  if (x <= -(2 ** 63)) return lowestI64;
  return BigInt(Math.trunc(x));
}

/**
 * The f32 nearest to an i64, ties to even. Rounding to a double first would round twice, so beyond 2^53 the low 11 bits are folded
 * into one sticky bit, which lies far below the last bit of an f32.
 */
export function i64ToF32(x: bigint): number {
  const magnitude = x < 0n ? -x : x;
  if (magnitude < 2n ** 53n) return Math.fround(Number(x));
  const sticky = (magnitude & 2047n) === 0n ? 0n : 1n;
  const rounded = Math.fround(Number((magnitude >> 11n) | sticky) * 2048);
  return x < 0n ? -rounded : rounded;
}

/** 2^k as a double's exponent field; `k` an integer in [-1022, 1023], otherwise whatever the field then says. */
export function pow2Bits(k: number): number {
  bits[0] = BigInt.asUintN(64, (truncateToI64(k) + 1023n) << 52n);
  return doubles[0]!;
}

/** The unbiased exponent of a positive normal double: its field, whatever the number is. */
export function exponentBits(x: number): number {
  doubles[0] = x;
  return Number((bits[0]! >> 52n) & 0x7ffn) - 1023;
}

/** The significand in [1, 2) of a positive normal double: its field under the exponent of 1. */
export function significandBits(x: number): number {
  doubles[0] = x;
  bits[0] = (bits[0]! & significandMask) | (1023n << 52n);
  return doubles[0];
}

/** Both taken as unsigned, the quotient rounded down. */
export function divideUnsigned(a: number, b: number): number {
  if (b === 0) throw new Error("internal: unsigned division by zero");
  return Math.floor((a >>> 0) / (b >>> 0)) | 0;
}

export function divideUnsigned64(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new Error("internal: unsigned division by zero");
  return BigInt.asIntN(64, BigInt.asUintN(64, a) / BigInt.asUintN(64, b));
}

/** A shift amount that every target treats alike. */
export function checkShift(amount: number, width: number): number {
  if (amount < 0 || amount >= width) throw new Error(`internal: shift of ${width} bits by ${amount}`);
  return amount;
}
