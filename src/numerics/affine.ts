/**
 * Affine quantization: `real = scale * (stored - zero)` (algorithms.md 1.1).
 *
 * The range is widened to hold 0, so that real zero is exact, then
 *
 *     scale = fround((max - min) / (hi - lo))        zero = clamp(round(lo - min / scale), lo, hi)
 *
 * and, symmetric, `zero = 0` with the smallest scale that covers both ends. The scale is rounded to f32 once, then
 * used in double. Inside the range the error of quantizing is at most half a scale (beyond f32's rounding of it).
 */
import type { ElementType } from "../tensor/element-type.ts";
import { elementRange, isSigned } from "../tensor/element-type.ts";
import { roundHalfAwayFromZero } from "./round.ts";

/** The real values a tensor was seen, or is known, to take. */
export interface AffineRange {
  readonly min: number;
  readonly max: number;
}

export interface Affine {
  readonly scale: number;
  readonly zero: number;
}

export interface AffineOptions {
  /** Zero point 0; the element type must be signed. */
  readonly symmetric?: boolean;
  /** Leaves out the lowest stored integer, so that i8 is [-127, 127], as weights want it. */
  readonly restricted?: boolean;
}

/** Scales below this would be subnormal in f32. */
const smallestScale = 2 ** -126;

/** The stored integers that `chooseAffine` makes use of. */
export function storedRange(element: ElementType, options: AffineOptions = {}): AffineRange {
  const { min, max } = elementRange(element);
  return options.restricted === true && isSigned(element) ? { min: -max, max } : { min, max };
}

/**
 * The scale and zero point for reals in [min, max], stored as `element`. An all-zero range gets scale 1, zero 0.
 *
 * @throws internal, when the range is not finite or is empty, or `symmetric` meets an unsigned type
 */
export function chooseAffine(
  min: number,
  max: number,
  element: ElementType,
  options: AffineOptions = {},
): Affine {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min <= max)) {
    throw new Error(`internal: [${min}, ${max}] is no range`);
  }
  const { min: lo, max: hi } = storedRange(element, options);
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  if (low === 0 && high === 0) return { scale: 1, zero: 0 };
  if (options.symmetric === true) {
    if (!isSigned(element)) throw new Error(`internal: ${element} cannot be symmetric`);
    return { scale: scaleOf(Math.max(high / hi, low / lo)), zero: 0 };
  }
  const scale = scaleOf((high - low) / (hi - lo));
  const zero = roundHalfAwayFromZero(lo - low / scale);
  return { scale, zero: Math.max(lo, Math.min(hi, zero)) };
}

/** `clamp(round(x / scale) + zero, lo, hi)`, halves away from zero; NaN becomes the zero point. */
export function quantizeValue(x: number, scale: number, zero: number, lo: number, hi: number): number {
  const stored = roundHalfAwayFromZero(x / scale) + zero;
  if (Number.isNaN(stored)) return zero;
  return Math.max(lo, Math.min(hi, stored));
}

export function dequantizeValue(stored: number, scale: number, zero: number): number {
  return scale * (stored - zero);
}

function scaleOf(exact: number): number {
  const scale = Math.max(smallestScale, Math.fround(exact));
  if (!Number.isFinite(scale)) throw new Error(`internal: the scale ${exact} is beyond f32`);
  return scale;
}
