/**
 * Rescaling by definition, in bigints and divisions: what oracles of stored operators are made of, by other means than the
 * expressions'. `once` is (acc * multiplier + 2^(shift - 1)) >> shift, `twice` gemmlowp's two steps as it writes them.
 */
import type { Rounding } from "../numerics/rounding-profile.ts";

export function rescaleExactly(rounding: Rounding, acc: bigint, multiplier: number, shift: number): bigint {
  if (rounding === "once") return nearestUp(acc * BigInt(multiplier), shift);
  const left = shift < 31 ? 1n << BigInt(31 - shift) : 1n;
  const product = acc * left * BigInt(multiplier);
  const nudge = product >= 0n ? 1n << 30n : 1n - (1n << 30n);
  const high = (product + nudge) / (1n << 31n);
  return nearestAway(high, 1n << BigInt(Math.max(shift - 31, 0)));
}

/** To the nearest integer, halves up. */
function nearestUp(numerator: bigint, shift: number): bigint {
  const unit = 1n << BigInt(shift);
  const doubled = 2n * numerator + unit;
  const remainder = ((doubled % (2n * unit)) + 2n * unit) % (2n * unit);
  return (doubled - remainder) / (2n * unit);
}

/** To the nearest integer, halves away from zero. */
export function nearestAway(numerator: bigint, divisor: bigint): bigint {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const rounded = (2n * magnitude + divisor) / (2n * divisor);
  return numerator < 0n ? -rounded : rounded;
}
