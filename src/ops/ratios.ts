/**
 * The check that a dyadic multiplier says what the types say: multiplier = round(ratio * 2^shift), halves away from zero, the
 * ratio being the quotient of two scales in doubles. Two exceptions, both of numerics/dyadic.ts: a multiplier that would
 * round to 2^31 is 2^31 - 1, and a ratio below 2^-32 may be 0 (a dead channel). A *truncated* multiplier may be one less
 * (numerics/tflite-multipliers.ts).
 */
import type { InferFail } from "../ir/operation.ts";
import { pow2 } from "../numerics/float-bits.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";

const multiplierLimit = 2 ** 31;

export function requireRatio(
  what: string,
  multiplier: number,
  shift: number,
  from: number,
  to: number,
  fail: InferFail,
  truncated = false,
): void {
  const ratio = from / to;
  const expected = Math.min(roundHalfAwayFromZero(ratio * pow2(shift)), multiplierLimit - 1);
  if (truncated && multiplier === expected - 1) return;
  if (multiplier === expected || (multiplier === 0 && ratio < pow2(-32))) return;
  const actual = multiplier / pow2(shift);
  fail(
    "requantize-ratio",
    `rescales ${what} by ${distinctFrom(actual, ratio)}`,
    `its types require ${from} / ${to} = ${ratio}`,
    `the multiplier is ${multiplier}, expected ${expected} for the shift ${shift}`,
  );
}

/** Few digits, but enough to tell a number from another. */
function distinctFrom(x: number, other: number): string {
  for (let digits = 6; digits < 17; digits++) {
    const short = Number(x.toPrecision(digits));
    if (short !== Number(other.toPrecision(digits))) return String(short);
  }
  return String(x);
}
