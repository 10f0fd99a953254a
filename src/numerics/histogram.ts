/**
 * A streaming histogram of reals, in constant memory, that depends on the values only and not on their order.
 *
 * Bin i of 2 * half bins covers [(i - half) * w, (i - half + 1) * w), where the width w is a power of two: the
 * smallest for which every value so far fits. When a value does not fit, w doubles until it does, and bins merge in
 * pairs. Because `floor(floor(x / w) / 2) = floor(x / (2 * w))`, the merged counts are exactly those that the wider
 * bins would have counted from the start. Hence neither the order of the values nor the way they are split over
 * several histograms that are then merged changes anything.
 *
 * Counts are exact up to 2^53. NaN and infinities are counted apart and enter no bin.
 */
import { pow2, splitExponent } from "./float-bits.ts";

/** Bins narrower than this would need subnormals. */
const smallestExponent = -1000;

/** A class because counts, width and extremes must change together. */
export class Histogram {
  /** Bins on each side of zero. */
  readonly half: number;
  #counts: Float64Array;
  /** log2 of the bin width. */
  #exponent = smallestExponent;
  #inverseWidth = pow2(-smallestExponent);
  #min = Infinity;
  #max = -Infinity;
  #count = 0;
  #zeroCount = 0;
  #nonFiniteCount = 0;

  /** @param half bins on each side of zero, even */
  constructor(half = 2048) {
    if (!Number.isInteger(half) || half < 2 || half % 2 !== 0)
      throw new Error(`internal: ${half} bins a side`);
    this.half = half;
    this.#counts = new Float64Array(2 * half);
  }

  /** The smallest finite value, or Infinity before there is one. */
  get min(): number {
    return this.#min;
  }

  /** The largest finite value, or -Infinity before there is one. */
  get max(): number {
    return this.#max;
  }

  /** How many finite values were added. */
  get count(): number {
    return this.#count;
  }

  /** How many of them were exactly zero; they lie in bin `half`. */
  get zeroCount(): number {
    return this.#zeroCount;
  }

  get nonFiniteCount(): number {
    return this.#nonFiniteCount;
  }

  /** The width of each bin, a power of two. */
  get binWidth(): number {
    return pow2(this.#exponent);
  }

  /** Counts by bin; bin i begins at `(i - half) * binWidth`. A view: it changes when values are added. */
  get counts(): Readonly<Float64Array> {
    return this.#counts;
  }

  add(values: ArrayLike<number>): void {
    const { half } = this;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!(value - value === 0)) {
        this.#nonFiniteCount++;
        continue;
      }
      let index = binIndex(value, this.#inverseWidth);
      if (index < -half || index >= half) {
        this.#widen(exponentFor(value, half));
        index = binIndex(value, this.#inverseWidth);
      }
      this.#counts[index + half]!++;
      this.#count++;
      if (value === 0) this.#zeroCount++;
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
    }
  }

  /** Adds what another histogram has counted. @throws internal, when it has another number of bins */
  merge(other: Histogram): void {
    if (other.half !== this.half) throw new Error(`internal: merging ${other.half} into ${this.half} bins`);
    this.#widen(other.#exponent);
    const steps = this.#exponent - other.#exponent;
    const counts = halved(other.#counts, this.half, steps);
    for (let i = 0; i < counts.length; i++) this.#counts[i]! += counts[i]!;
    this.#count += other.#count;
    this.#zeroCount += other.#zeroCount;
    this.#nonFiniteCount += other.#nonFiniteCount;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  #widen(exponent: number): void {
    if (exponent <= this.#exponent) return;
    this.#counts = halved(this.#counts, this.half, exponent - this.#exponent);
    this.#exponent = exponent;
    this.#inverseWidth = pow2(-exponent);
  }
}

/** floor(value / width). The product of a tiny negative value may underflow to -0, yet its bin is -1. */
function binIndex(value: number, inverseWidth: number): number {
  const index = Math.floor(value * inverseWidth);
  return index === 0 && value < 0 ? -1 : index;
}

/** The smallest exponent e for which floor(value / 2^e) lies in [-half, half). */
function exponentFor(value: number, half: number): number {
  const fits = (exponent: number): boolean => {
    const index = binIndex(value, pow2(-exponent));
    return index >= -half && index < half;
  };
  let exponent = splitExponent(Math.abs(value)).exponent - splitExponent(half).exponent - 1;
  while (!fits(exponent)) exponent++;
  return exponent;
}

/** Bins merged in pairs about zero, `steps` times. */
function halved(counts: Float64Array, half: number, steps: number): Float64Array {
  const merged = new Float64Array(counts.length);
  // Beyond 60 steps nothing is left but the two bins next to zero.
  const divisor = pow2(Math.min(steps, 60));
  for (let i = 0; i < counts.length; i++) merged[Math.floor((i - half) / divisor) + half]! += counts[i]!;
  return merged;
}
