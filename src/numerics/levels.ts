/**
 * The integers a quantized weight may be, and which of them is nearest.
 *
 *     two's complement, b bits:  -(2^(b-1) - 1) … 2^(b-1) - 1, steps of 1    (restricted: symmetric, so that -w has a level if w has)
 *     odd, b bits:               -(2^b - 1) … 2^b - 1, steps of 2            (no zero, but all 2^b codes used: at 2 bits 4 levels for 3)
 *
 * A real weight is scale * level. `nearestLevel` takes w / scale, halves away from zero, so that rounding commutes with the sign.
 */
import { elementRange, isElementType, isOdd, type ElementType } from "../tensor/element-type.ts";
import { roundHalfAwayFromZero } from "./round.ts";

export interface Levels {
  /** What stores them. */
  readonly element: ElementType;
  /** The largest; the smallest is its negative. */
  readonly largest: number;
  /** Between neighbours. */
  readonly step: 1 | 2;
}

export const fewestBits = 2;
/** Odd levels of 8 bits would need 9 in two's complement. */
export const mostBits = { integers: 8, odd: 7 } as const;

export type LevelKind = keyof typeof mostBits;

/** @throws internal, when there is no element type of that kind and width */
export function levelsOf(bits: number, kind: LevelKind = "integers"): Levels {
  const name = `${kind === "odd" ? "odd" : "i"}${bits}`;
  if (!isElementType(name) || bits < fewestBits || bits > mostBits[kind])
    throw new Error(`internal: no ${kind} of ${bits} bits`);
  return { element: name, largest: elementRange(name).max, step: isOdd(name) ? 2 : 1 };
}

/** The level nearest to x (a weight divided by its scale); of two, the one farther from zero. NaN has none: 0, or 1 of odd ones. */
export function nearestLevel({ largest, step }: Levels, x: number): number {
  if (Number.isNaN(x)) return step - 1;
  const level =
    step === 1 ? roundHalfAwayFromZero(x) : (x < 0 ? -1 : 1) * (2 * Math.floor(Math.abs(x) / 2) + 1);
  return Math.max(-largest, Math.min(largest, level));
}

/** Every level, ascending. */
export function allLevels({ largest, step }: Levels): number[] {
  return Array.from({ length: (2 * largest) / step + 1 }, (_, i) => i * step - largest);
}
