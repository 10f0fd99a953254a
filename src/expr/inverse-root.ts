/**
 * 1 / sqrt(d) of a positive integer in integers, for normalizations: no division, no table, the same work for every d.
 *
 *     d = x * 4^k, 1 <= x < 4          x to 30 fractional bits, the rest is dropped
 *     r ≈ 2^31 / sqrt(x)               a straight line, within 9 % of it; then four times  r (3 - x r^2) / 2
 *     1 / sqrt(d) = r / 2^(31 + k)
 *
 * A Newton step takes a relative error e to 3/2 e^2: 0.086, 0.011, 1.9e-4, 5e-8, and then what fixed point leaves, less than 2^-28 in
 * all, dropped bits included. All products are of positive numbers and stay below 2^63.
 */
import { add, compare, constant, convert, i32, min, mul, select, shl, shr, sub } from "./build.ts";
import type { Expression } from "./expression.ts";

const i64 = (value: number): Expression => constant("i64", value);

/** Of d in [1, 2^62). */
export interface InverseRoot {
  /** About 2^30 to below 2^31. */
  readonly multiplier: Expression;
  /** 1 / sqrt(d) is multiplier / 2^shift; 31 to 61. */
  readonly shift: Expression;
}

const newtonSteps = 4;
/** The line a - b x with the least relative error on [1, 4), in units of 2^-31: a = 7 b, b = 2 / (6 + 14/3 sqrt(7/3)). */
const slope = 327_149_583;

/** @param d an i64 expression; the result's expressions share parts of theirs */
export function inverseRoot(d: Expression): InverseRoot {
  const { normal, doublings } = normalized(d);
  const x = shr(normal, i64(30));
  let r = sub(i64(7 * slope), shr(mul(x, i64(slope)), i64(30)));
  for (let step = 0; step < newtonSteps; step++) {
    const square = shr(mul(r, r), i64(31));
    const product = shr(mul(x, square), i64(31));
    r = shr(mul(r, sub(i64(3 * 2 ** 30), product)), i64(31));
  }
  const multiplier = convert("i32", min(r, i64(2 ** 31 - 1)));
  return { multiplier, shift: sub(i32(61), shr(doublings, i32(1))) };
}

/** d * 2^doublings in [2^60, 2^62), for an even number of doublings. */
function normalized(d: Expression): { normal: Expression; doublings: Expression } {
  let normal = d;
  let doublings: Expression = i32(0);
  for (const bits of [32, 16, 8, 4, 2]) {
    const fits = compare("eq", shr(normal, i64(62 - bits)), i64(0));
    normal = select(fits, shl(normal, i64(bits)), normal);
    doublings = select(fits, add(doublings, i32(bits)), doublings);
  }
  return { normal, doublings };
}
