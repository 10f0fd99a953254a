/**
 * Rounds the weights of one output so that the *result* moves least, not each weight: where inputs go together, the error of one
 * weight can be made good by the others.
 *
 * With H the (damped) second moments of the inputs, w the weights to come close to, q levels and s their scale, the error is
 *
 *     E(q, s) = (s q - w) H (s q - w)ᵀ
 *
 * 1. Column after column, the error of what is rounded is spread over what is not yet, by U with H⁻¹ = UᵀU (Frantar et al., "GPTQ",
 *    section 3; algorithms.md 5.4), in the order of the weights and again in that of falling moments. What U spreads adds up to E.
 * 2. Single weights step by one level while E falls, from each of these and from the nearest levels.
 * 3. The scale that suits the levels, s = q H wᵀ / q H qᵀ, then step 2 again, while E falls.
 *
 * Groups of weights may have levels that are powers of two apart (group-codes.ts): q is then `factor` times a level.
 *
 * Every step but the first only lowers E, and the nearest levels of the given scale are among the starts: E is never above theirs.
 */
import { defaultDamping, factorDamped } from "./least-squares.ts";
import { nearestLevel, type Levels } from "./levels.ts";

export interface RoundedRow {
  readonly integers: Int32Array;
  readonly scale: number;
  /** E. */
  readonly error: number;
}

/** What each weight of an output may be, divided by the scale. */
interface RowLevels {
  readonly levels: Levels;
  readonly factors: Int32Array;
}

export interface RoundingOptions {
  readonly fixedScale?: boolean;
  readonly leastScale?: number;
  readonly factors?: Int32Array;
}

/** Fractions of the scale that are tried besides it, from `scaleEnds[0]` to `scaleEnds[1]`. */
const scaleEnds = [0.4, 1.15] as const;
/** The error of few weights jumps about with their scale, that of many averages out. */
const fewWeights = 32;
const [fineSteps, coarseSteps] = [60, 15] as const;
const mostSweeps = 30;
const mostRefits = 6;
/** Of E: less is no gain. */
const smallestGain = 1e-4;

export class RowRounder {
  readonly size: number;
  /** With what damping adds to its diagonal; row-major and symmetric. */
  readonly moments: Float64Array;
  readonly #orders: readonly { readonly order: Int32Array; readonly upper: Float64Array }[];

  /** @param moments Σ x xᵀ, size × size, row-major */
  constructor(moments: ArrayLike<number>, size: number, damping: number = defaultDamping) {
    this.size = size;
    this.moments = Float64Array.from(moments);
    const { added } = factorDamped(this.moments, size, damping);
    for (let i = 0; i < size; i++) this.moments[i * size + i]! += added;
    const natural = Int32Array.from({ length: size }, (_, i) => i);
    const diagonal = (i: number): number => this.moments[i * size + i]!;
    const falling = Int32Array.from(natural).sort((a, b) => diagonal(b) - diagonal(a) || a - b);
    this.#orders = [natural, falling].map((order) => ({ order, upper: this.#upperIn(order) }));
  }

  error(weights: ArrayLike<number>, integers: ArrayLike<number>, scale: number): number {
    const difference = Float64Array.from(weights, (w, i) => scale * integers[i]! - w);
    return dot(difference, this.#product(difference));
  }

  /**
   * The best levels found for one output, and their scale.
   *
   * @param scale of the levels as they are
   * @param fixedScale keeps it; otherwise fractions of it are tried, none below `leastScale`, and refitted
   * @param factors of each weight's levels; 1 unless given
   */
  round(
    weights: ArrayLike<number>,
    levels: Levels,
    scale: number,
    { fixedScale = false, leastScale = 0, factors = new Int32Array(this.size).fill(1) }: RoundingOptions = {},
  ): RoundedRow {
    const scales = [scale];
    if (!fixedScale) {
      const steps = this.size <= fewWeights ? fineSteps : coarseSteps;
      const [least, most] = scaleEnds;
      for (let i = 0; i <= steps; i++) {
        const s = Math.fround((most - ((most - least) * i) / steps) * scale);
        if (s >= leastScale) scales.push(s);
      }
    }
    const starts = this.#orders.map(({ order, upper }) => {
      const found = scales.map((s) => this.#spread(weights, s, { levels, factors }, order, upper));
      return found.reduce((best, row) => (row.error < best.error ? row : best));
    });
    for (const s of new Set([scale, ...starts.map((start) => start.scale)]))
      starts.push({
        integers: Int32Array.from(
          weights,
          (w, i) => factors[i]! * nearestLevel(levels, w / (factors[i]! * s)),
        ),
        scale: s,
        error: NaN,
      });

    const target = Float64Array.from(weights);
    const product = this.#product(target);
    const wanted: Wanted = { product, square: dot(target, product) };
    const rows = starts.map(({ integers, scale: s }) => {
      const row = new MovingRow(this.moments, wanted, integers, this.#product(integers), s);
      row.descend({ levels, factors });
      if (!fixedScale) row.refit({ levels, factors }, leastScale);
      return row;
    });
    return rows.reduce((best, row) => (row.error < best.error ? row : best));
  }

  /** Step 1. */
  #spread(
    weights: ArrayLike<number>,
    scale: number,
    { levels, factors }: RowLevels,
    order: Int32Array,
    upper: Float64Array,
  ): RoundedRow {
    const { size } = this;
    const left = Float64Array.from(order, (at) => weights[at]!);
    const integers = new Int32Array(size);
    let error = 0;
    for (let i = 0; i < size; i++) {
      const row = i * size;
      const at = order[i]!;
      const factor = factors[at]!;
      const integer = factor * nearestLevel(levels, left[i]! / (factor * scale));
      integers[at] = integer;
      const spread = (left[i]! - scale * integer) / upper[row + i]!;
      error += spread * spread;
      for (let j = i + 1; j < size; j++) left[j]! -= spread * upper[row + j]!;
    }
    return { integers, scale, error };
  }

  #product(vector: ArrayLike<number>): Float64Array {
    const { size, moments } = this;
    const product = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const factor = vector[i]!;
      if (factor === 0) continue;
      const row = i * size;
      for (let j = 0; j < size; j++) product[j]! += factor * moments[row + j]!;
    }
    return product;
  }

  #upperIn(order: Int32Array): Float64Array {
    const { size, moments } = this;
    const permuted = new Float64Array(size * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) permuted[i * size + j] = moments[order[i]! * size + order[j]!]!;
    return factorDamped(permuted, size, 0).inverseUpper();
  }
}

interface Wanted {
  /** H wᵀ */
  readonly product: Float64Array;
  /** w H wᵀ */
  readonly square: number;
}

/** Levels that step downhill. A class because they, their product with H and E must change together. */
class MovingRow implements RoundedRow {
  readonly integers: Int32Array;
  scale: number;
  error: number;
  readonly #moments: Float64Array;
  readonly #wanted: Wanted;
  /** H qᵀ */
  readonly #product: Float64Array;

  constructor(
    moments: Float64Array,
    wanted: Wanted,
    integers: Int32Array,
    product: Float64Array,
    scale: number,
  ) {
    this.integers = integers;
    this.scale = scale;
    this.#moments = moments;
    this.#wanted = wanted;
    this.#product = product;
    this.error = this.#errorNow();
  }

  /** Step 2. */
  descend({ levels: { largest, step }, factors }: RowLevels): void {
    const { integers, scale } = this;
    const [moments, wanted, product] = [this.#moments, this.#wanted.product, this.#product];
    const size = integers.length;
    for (let sweep = 0; sweep < mostSweeps; sweep++) {
      let moved = false;
      for (let i = 0; i < size; i++) {
        // E changes by 2 d slope + d² H[i, i] when the weight moves by d: only against the slope can that fall.
        const slope = scale * product[i]! - wanted[i]!;
        const row = i * size;
        const distance = step * factors[i]!;
        if (2 * Math.abs(slope) <= distance * scale * moments[row + i]! * (1 + 1e-9)) continue;
        const change = slope < 0 ? distance : -distance;
        const integer = integers[i]! + change;
        if (Math.abs(integer) > largest * factors[i]!) continue;
        integers[i] = integer;
        for (let j = 0; j < size; j++) product[j]! += change * moments[row + j]!;
        moved = true;
      }
      if (!moved) break;
    }
    this.error = this.#errorNow();
  }

  /** Step 3. */
  refit(levels: RowLevels, leastScale: number): void {
    for (let round = 0; round < mostRefits; round++) {
      const before = this.error;
      const scale = Math.fround(dot(this.integers, this.#wanted.product) / dot(this.integers, this.#product));
      // All levels may be zero, and some lie on the other side of zero.
      if (!(scale >= leastScale && scale > 0 && Number.isFinite(scale))) return;
      const old = this.scale;
      this.scale = scale;
      if (!(this.#errorNow() < before)) {
        this.scale = old;
        return;
      }
      this.descend(levels);
      if (before - this.error < smallestGain * before) return;
    }
  }

  #errorNow(): number {
    const { scale, integers } = this;
    const own = dot(integers, this.#product);
    return scale * (scale * own - 2 * dot(integers, this.#wanted.product)) + this.#wanted.square;
  }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
