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
 * Every step is exact for |acc| <= 2^31, m < 2^31 and 17 <= t <= 62: |acc * mh| <= 2^46 and |acc * ml| < 2^47 are
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
 * @param multiplier an integer in [0, 2^31)
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
 * The profile `tflite-double`: a saturating rounding doubling high multiply (halves up at bit 31), then a rounding
 * division by a power of two (halves away from zero). It differs from `rescale` by at most 1.
 *
 * `exponent` is TFLite's: the ratio is `multiplier * 2^(exponent - 31)`, so `shift = 31 - exponent`. The left shift
 * of a positive exponent wraps to i32, where TFLite's is undefined. Saturation needs both factors to be -2^31, which
 * a multiplier never is. Source: gemmlowp fixedpoint.h.
 */
export function tfliteDouble(acc: number, multiplier: number, exponent: number): number {
  const shifted = exponent > 0 ? Number(BigInt.asIntN(32, BigInt(acc) << BigInt(exponent))) : acc;
  const high = rescale(shifted, multiplier, 31);
  if (exponent >= 0) return high;
  const divisor = pow2(-exponent);
  return roundHalfAwayFromZero(high / divisor);
}

function checkRatio(ratio: number): void {
  if (!Number.isFinite(ratio) || ratio < 0) throw new Error(`internal: ${ratio} is no ratio of scales`);
}

function significantBits(multiplier: number): number {
  return multiplier === 0 ? 0 : splitExponent(multiplier).exponent + 1;
}
