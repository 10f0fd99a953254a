/**
 * Dyadic multipliers: how integers are rescaled without floats (algorithms.md 1.3 to 1.5).
 *
 * A positive ratio M is written `m / 2^t` with an integer `m` in [2^30, 2^31), and an i32 accumulator is rescaled by
 *
 *     y = floor((acc * m + 2^(t - 1)) / 2^t)        single rounding, halves up
 *
 * The product has up to 62 bits and a double holds 53, so the product is split. With `m = mh * 2^16 + ml`,
 *
 *     hi = acc * mh + floor(acc * ml / 2^16)  =  floor(acc * m / 2^16)
 *     y  = floor((hi + 2^(t - 17)) / 2^(t - 16))
 *
 * Every step is exact for |acc| <= 2^31, |m| <= 2^31 and 17 <= t <= 62: |acc * mh| <= 2^46 and |acc * ml| < 2^47 are
 * integers below 2^53; dividing by a power of two only moves the exponent; hi and hi + 2^(t - 17) stay below 2^47.
 * The second line follows because 2^(t - 17) is an integer for t >= 17 and floors nest:
 * floor(floor(a / p) / q) = floor(a / (p * q)).
 */
import { pow2, splitExponent } from "./float-bits.ts";
import { roundHalfAwayFromZero } from "./round.ts";

/** The ratio `multiplier / 2^shift`; the multiplier is 0 or in [2^30, 2^31), the shift in [1, 62]. */
export interface Dyadic {
  readonly multiplier: number;
  readonly shift: number;
}

/** Multipliers of a layer, one a channel, with one shift for all of them or one for each. */
export interface ChannelDyadics {
  readonly multipliers: readonly number[];
  /** One entry when the channels share it, else one a channel. */
  readonly shifts: readonly number[];
  /** All shifts are at least 33, so the high word of the 64-bit product suffices (codegen.md). */
  readonly highWord: boolean;
  /** Significant bits of the smallest live multiplier; 31 when no channel is live. */
  readonly fewestBits: number;
}

const largestShift = 62;
const multiplierLimit = 2 ** 31;
const fewestSharedBits = 16;
const highWordShift = 33;

const powers = Float64Array.from({ length: largestShift }, (_, k) => pow2(k));

/**
 * The dyadic closest to a ratio. Ratios below 2^-32 become 0, and from 2^30 on they saturate.
 *
 * Source: TFLite's QuantizeMultiplier, in its single-rounding mode.
 *
 * @throws internal, when the ratio is negative or not finite
 */
export function toDyadic(ratio: number): Dyadic {
  checkRatio(ratio);
  if (ratio === 0) return { multiplier: 0, shift: 31 };
  const { mantissa, exponent } = splitExponent(ratio);
  const rounded = roundHalfAwayFromZero(mantissa * 2 ** 30);
  const carry = rounded === multiplierLimit;
  const multiplier = carry ? rounded / 2 : rounded;
  const shift = 30 - exponent - (carry ? 1 : 0);
  if (shift > largestShift) return { multiplier: 0, shift: 31 };
  if (shift < 1) return { multiplier: multiplierLimit - 1, shift: 1 };
  return { multiplier, shift };
}

/**
 * One shift for all channels, the one `toDyadic` gives the largest ratio, so that the largest multiplier still fits;
 * a zero ratio (a dead channel) gets multiplier 0. When a live channel would keep fewer than 16 significant bits,
 * every channel gets its own dyadic instead.
 *
 * @throws internal, when a ratio is negative or not finite
 */
export function sharedShiftMultipliers(ratios: readonly number[]): ChannelDyadics {
  const own = ratios.map(toDyadic);
  const live = own.filter((d) => d.multiplier > 0);
  if (live.length === 0) {
    return { multipliers: ratios.map(() => 0), shifts: [highWordShift], highWord: true, fewestBits: 31 };
  }
  const shift = Math.min(...live.map((d) => d.shift));
  const multipliers = ratios.map((ratio, channel) =>
    own[channel]!.multiplier === 0
      ? 0
      : Math.min(roundHalfAwayFromZero(ratio * pow2(shift)), multiplierLimit - 1),
  );
  const smallest = multipliers.filter((_, channel) => own[channel]!.multiplier > 0);
  const fewestBits = significantBits(Math.min(...smallest));
  if (fewestBits >= fewestSharedBits) {
    return { multipliers, shifts: [shift], highWord: shift >= highWordShift, fewestBits };
  }
  const shifts = own.map((d) => (d.multiplier === 0 ? shift : d.shift));
  return {
    multipliers: own.map((d) => d.multiplier),
    shifts,
    highWord: shift >= highWordShift,
    fewestBits: 31,
  };
}

/**
 * `floor((acc * multiplier + 2^(shift - 1)) / 2^shift)`, exact, wrapped to i32.
 *
 * @param acc an i32
 * @param multiplier an i32: a dyadic's is not negative, a factor of fixed-point arithmetic may be
 * @param shift an integer in [1, 62]
 */
export function rescale(acc: number, multiplier: number, shift: number): number {
  if (shift < 17) return rescaleBig(acc, multiplier, shift);
  const high = Math.floor(multiplier / 65536);
  const low = multiplier - 65536 * high;
  const product = acc * high + Math.floor((acc * low) / 65536);
  return Math.floor((product + powers[shift - 17]!) / powers[shift - 16]!) | 0;
}

/** The definition of `rescale` in bigints: its oracle, and its fallback where the split does not apply. */
export function rescaleBig(acc: number, multiplier: number, shift: number): number {
  const product = BigInt(acc) * BigInt(multiplier) + (1n << BigInt(shift - 1));
  return Number(BigInt.asIntN(32, product >> BigInt(shift)));
}

/**
 * The same in two steps, each of which rounds: `high = rescale(acc, multiplier, 31)`, then division by 2^(shift - 31), halves away
 * from zero. With a shift of at most 31 there is no second step, and it is `rescale`. It differs from `rescale` by at most 1.
 *
 * Source: gemmlowp fixedpoint.h, SaturatingRoundingDoublingHighMul (of acc * 2^(31 - shift) where the shift is below 31) and
 * RoundingDivideByPOT. The first saturates only where both factors are -2^31, which a multiplier never is.
 */
export function rescaleTwice(acc: number, multiplier: number, shift: number): number {
  if (shift <= 31) return rescale(acc, multiplier, shift);
  return divideByPowerOfTwo(rescale(acc, multiplier, 31), shift - 31);
}

/** `x / 2^exponent` to the nearest integer, halves away from zero. Source: gemmlowp's RoundingDivideByPOT. */
export const divideByPowerOfTwo = (x: number, exponent: number): number =>
  roundHalfAwayFromZero(x / pow2(exponent)) + 0;

function checkRatio(ratio: number): void {
  if (!Number.isFinite(ratio) || ratio < 0) throw new Error(`internal: ${ratio} is no ratio of scales`);
}

function significantBits(multiplier: number): number {
  return multiplier === 0 ? 0 : splitExponent(multiplier).exponent + 1;
}
