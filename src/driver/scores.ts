/**
 * Judging an autoencoder by how badly it reproduces its input: the error of a sample is the mean squared difference between the two, the
 * score of a recording the mean over its samples. Anomalies should score higher.
 */
import type { Tensor } from "../tensor/tensor.ts";

export function meanSquaredDifference(input: Tensor, output: Tensor): number {
  const { length } = input.data;
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const difference = Number(input.data[i]) - Number(output.data[i]);
    sum += difference * difference;
  }
  return sum / length;
}

/** Means of so many consecutive numbers each. */
export interface GroupMeans {
  readonly group: number;
  readonly means: number[];
  sum: number;
  count: number;
}

export const newGroupMeans = (group: number): GroupMeans => ({ group, means: [], sum: 0, count: 0 });

export function addToGroups(groups: GroupMeans, value: number): void {
  groups.sum += value;
  if (++groups.count < groups.group) return;
  groups.means.push(groups.sum / groups.group);
  [groups.sum, groups.count] = [0, 0];
}

export interface AreaUnderCurve {
  readonly value: number;
  /** At 95 %, by DeLong's variance, within [0, 1]; all of it when a class has one member only. */
  readonly interval: readonly [low: number, high: number];
  readonly positives: number;
  readonly negatives: number;
}

/**
 * Area under the receiver operating characteristic: the share of pairs of a positive and a negative in which the positive scores higher,
 * a tie counting half. (DeLong, DeLong and Clarke-Pearson 1988.)
 *
 * @param labels 1 for a positive
 */
export function areaUnderCurve(scores: readonly number[], labels: ArrayLike<number>): AreaUnderCurve {
  const positives = scores.filter((_, i) => labels[i] === 1);
  const negatives = scores.filter((_, i) => labels[i] !== 1);
  const wins = (score: number, others: readonly number[]): number =>
    others.reduce((sum, other) => sum + (score > other ? 1 : score === other ? 0.5 : 0), 0) / others.length;
  const ofPositives = positives.map((score) => wins(score, negatives));
  const ofNegatives = negatives.map((score) => 1 - wins(score, positives));
  const value = meanOf(ofPositives);
  const deviation = Math.sqrt(
    varianceOf(ofPositives) / positives.length + varianceOf(ofNegatives) / negatives.length,
  );
  const half = 1.959963984540054 * deviation;
  return {
    value,
    interval: Number.isFinite(half) ? [Math.max(0, value - half), Math.min(1, value + half)] : [0, 1],
    positives: positives.length,
    negatives: negatives.length,
  };
}

/** Pearson's; NaN where one of the two never varies. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((x, i) => {
    const [da, db] = [x - meanA, b[i]! - meanB];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  });
  return ab / Math.sqrt(aa * bb);
}

const meanOf = (numbers: readonly number[]): number =>
  numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

function varianceOf(numbers: readonly number[]): number {
  const mean = meanOf(numbers);
  return numbers.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / (numbers.length - 1);
}
