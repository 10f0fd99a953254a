/**
 * One scale for each output, and for each group of its inputs a small multiple of it (src/numerics/group-codes.ts).
 *
 *     w ≈ scale[c] · factor[c, g] · level
 *
 * What a group would like best is a scale of its own, s[g]. With t the largest of an output's s[g] and m the largest factor, the scales
 * t · (1 - j/16) / m are tried, and for each all factors of each group; the output's own scale with factors of 1 is tried first, so
 * that groups of equal ranges are quantized as their channel is. What is least is the squared error of the weights.
 */
import { minimize } from "../../src/numerics/clip-range.ts";
import { groupsOfRow } from "../../src/numerics/group-codes.ts";
import { nearestLevel, type Levels } from "../../src/numerics/levels.ts";

export interface GroupScales {
  readonly scale: number;
  /** One for each group. */
  readonly factors: readonly number[];
}

export interface GroupOptions {
  /** Weights of a group. */
  readonly size: number;
  readonly levels: Levels;
  /** What factors may be, ascending, the first being 1. */
  readonly factors: readonly number[];
  /** Whether a scale need not reach the largest weight. */
  readonly clips: boolean;
}

const fractions = Array.from({ length: 8 }, (_, j) => 1 - j / 16);

/**
 * Of one output.
 *
 * @param row its weights
 * @param channelScale the scale that suits all of them
 */
export function chooseGroupScales(
  row: Float64Array,
  channelScale: number,
  options: GroupOptions,
): GroupScales {
  const { size, levels, factors, clips } = options;
  const groups = Array.from({ length: groupsOfRow(row.length, size) }, (_, g) =>
    row.subarray(g * size, Math.min((g + 1) * size, row.length)),
  );
  let best: GroupScales & { error: number } = {
    scale: channelScale,
    factors: groups.map(() => 1),
    error: squaredError(row, channelScale, levels),
  };
  const widest = groups.reduce((most, group) => {
    const largest = largestOf(group);
    return Math.max(most, (clips ? leastErrorClip(group, largest, levels) : largest) / levels.largest);
  }, 0);
  for (const fraction of clips ? fractions : [1]) {
    const scale = Math.fround((widest * fraction) / factors.at(-1)!);
    if (!(scale > 0)) continue;
    const chosen = groups.map((group) => bestFactor(group, scale, options));
    const error = chosen.reduce((sum, one) => sum + one.error, 0);
    if (error < best.error) best = { scale, factors: chosen.map(({ factor }) => factor), error };
  }
  // A factor that all groups share is none.
  return best.factors.every((factor) => factor === best.factors[0])
    ? { scale: channelScale, factors: groups.map(() => 1) }
    : { scale: best.scale, factors: best.factors };
}

function bestFactor(
  group: Float64Array,
  scale: number,
  { levels, factors, clips }: GroupOptions,
): { factor: number; error: number } {
  const largest = largestOf(group);
  let best = { factor: factors.at(-1)!, error: Infinity };
  for (const factor of factors) {
    const s = scale * factor;
    // The largest factor reaches all but for rounding.
    if (!clips && s * levels.largest < largest && factor !== factors.at(-1)) continue;
    const error = squaredError(group, s, levels);
    if (error < best.error) best = { factor, error };
  }
  return best;
}

const largestOf = (weights: Float64Array): number =>
  weights.reduce((max, w) => Math.max(max, Math.abs(w)), 0);

/** The largest magnitude to represent so that the squared error of the weights, none larger than `largest`, is least. */
export function leastErrorClip(weights: ArrayLike<number>, largest: number, levels: Levels): number {
  if (largest === 0) return 0;
  const error = (t: number): number => {
    const inverse = levels.largest / (t * largest);
    let total = 0;
    for (let i = 0; i < weights.length; i++) {
      const u = weights[i]! * inverse;
      const d = u - nearestLevel(levels, u);
      total += d * d;
    }
    return total / (inverse * inverse);
  };
  return largest * minimize(error).at;
}

function squaredError(weights: Float64Array, scale: number, levels: Levels): number {
  let sum = 0;
  for (const w of weights) {
    const d = w - scale * nearestLevel(levels, w / scale);
    sum += d * d;
  }
  return sum;
}
