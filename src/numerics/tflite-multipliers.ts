/**
 * The multipliers that TensorFlow Lite's kernels compute with: every channel has its own shift and its full 31 bits, where our
 * default shares a shift (dyadic.ts).
 */
import { toDyadic, type ChannelDyadics, type Dyadic } from "./dyadic.ts";
import { pow2 } from "./float-bits.ts";

/** One for each ratio. Source: QuantizeMultiplier of TensorFlow Lite's quantization_util.cc. */
export function ownShiftMultipliers(
  ratios: readonly number[],
): Pick<ChannelDyadics, "multipliers" | "shifts"> {
  const dyadics = ratios.map(toDyadic);
  return {
    multipliers: dyadics.map(({ multiplier }) => multiplier),
    shifts: dyadics.map(({ shift }) => shift),
  };
}

/**
 * The multiplier of a mean of `count` elements: the ratio's own, divided by the count after it was moved up by the count's bits, and
 * **cut off**: it may be one less than the nearest. Source: QuantizedMeanOrSum of TensorFlow Lite's reference reduce.h.
 */
export function meanDyadic(ratio: number, count: number): Dyadic {
  const { multiplier, shift } = toDyadic(ratio);
  if (multiplier === 0) return { multiplier, shift };
  let bits = 0;
  while (pow2(bits + 1) <= count) bits++;
  const moved = Math.min(bits, 32, 62 - shift);
  const divided = (BigInt(multiplier) << BigInt(moved)) / BigInt(count);
  return { multiplier: Number(divided), shift: shift + moved };
}
