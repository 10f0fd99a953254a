/**
 * What losing a channel costs its consumers once their other weights have made up for it: optimal brain surgeon on the
 * second moments H of their inputs, a channel at a time.
 *
 *     cost(i) = tr(W_i (H⁻¹_ii)⁻¹ W_iᵀ),    W ← W − W_i (H⁻¹_ii)⁻¹ H⁻¹_i:,    H⁻¹ ← H⁻¹ − H⁻¹_:i (H⁻¹_ii)⁻¹ H⁻¹_i:
 *
 * with i the columns of the channel. The cheapest goes, weights and inverse follow, and the rest is priced anew: a channel that
 * was spare while its twin was there no longer is. Costs are shares of the consumers' variance, so that groups compare.
 */
import { constantOf } from "../../../src/ir/match.ts";
import { factorDamped } from "../../../src/numerics/least-squares.ts";
import type { Moments } from "../../../src/numerics/moments.ts";
import { numbersOf } from "../../../src/tensor/tensor.ts";
import type { Consumer } from "../consumer-columns.ts";
import type { Criterion } from "./criterion.ts";

export const secondOrder: Criterion = {
  name: "second-order",
  doc: "Error that remains in the consumers' outputs after least-squares compensation, channel after channel. Hassibi and Stork, 'Optimal brain surgeon'; Frantar and Alistarh, 'Optimal brain compression', section 4, for blocks.",
  needs: ["moments"],
  rank({ group, consumers, momentsOf }) {
    const problems = consumers.flatMap((consumer) => {
      const columns = group.channels.map((channel) => consumer.columnsOf(channel));
      return problemsOf(consumer, columns, momentsOf(consumer));
    });
    const left = new Set(group.channels.keys());
    const [order, cost]: [number[], number[]] = [[], []];
    while (left.size > 0) {
      const prices = [...left].map((channel) => ({
        channel,
        price:
          problems.reduce((sum, problem) => sum + problem.price(channel), 0) / Math.max(1, consumers.length),
      }));
      const { channel, price } = prices.reduce((least, other) => (other.price < least.price ? other : least));
      left.delete(channel);
      order.push(channel);
      cost.push(price);
      if (left.size > 0) for (const problem of problems) problem.remove(channel);
    }
    return { order, cost };
  },
};

interface Problem {
  price(channel: number): number;
  remove(channel: number): void;
}

function problemsOf(
  { layer }: Consumer,
  columns: readonly (readonly number[])[],
  moments: readonly Moments[],
): Problem[] {
  const { groups, length } = layer.unfolding;
  const outputs = layer.outputs / groups;
  const all = numbersOf(constantOf(layer.weight)!);
  const centred = moments.map((own) => (layer.bias === undefined ? own : own.centered()));
  const variances = centred.map((own, g) =>
    varianceOf(
      Float64Array.from({ length: outputs * length }, (_, i) => all[g * outputs * length + i]!),
      own.sums,
      length,
    ),
  );
  const total = variances.reduce((sum, variance) => sum + variance, 0);
  return centred.map((own, g) => {
    const first = g * outputs * length;
    const weights = Float64Array.from({ length: outputs * length }, (_, i) => all[first + i]!);
    return problemOf(
      weights,
      factorDamped(own.sums, length).inverse(),
      length,
      columns,
      total > 0 ? total : 1,
    );
  });
}

/** tr(W H Wᵀ) */
function varianceOf(weights: Float64Array, moments: Float64Array, length: number): number {
  let total = 0;
  for (let o = 0; o < weights.length; o += length)
    for (let a = 0; a < length; a++) {
      const factor = weights[o + a]!;
      if (factor !== 0)
        for (let b = 0; b < length; b++) total += factor * moments[a * length + b]! * weights[o + b]!;
    }
  return total;
}

function problemOf(
  weights: Float64Array,
  inverse: Float64Array,
  length: number,
  columns: readonly (readonly number[])[],
  total: number,
): Problem {
  const outputs = weights.length / length;
  /** (H⁻¹_ii)⁻¹ of a channel's columns, undamped: it is positive definite as part of an inverse. */
  const blockOf = (mine: readonly number[]): Float64Array => {
    const block = new Float64Array(mine.length * mine.length);
    mine.forEach((a, i) => {
      mine.forEach((b, j) => (block[i * mine.length + j] = inverse[a * length + b]!));
    });
    return factorDamped(block, mine.length, 0).inverse();
  };
  return {
    price(channel) {
      const mine = columns[channel]!;
      const block = blockOf(mine);
      let price = 0;
      for (let o = 0; o < outputs; o++)
        mine.forEach((a, i) => {
          const factor = weights[o * length + a]!;
          if (factor !== 0)
            mine.forEach((b, j) => {
              price += factor * block[i * mine.length + j]! * weights[o * length + b]!;
            });
        });
      return price / total;
    },
    remove(channel) {
      const mine = columns[channel]!;
      const block = blockOf(mine);
      // (H⁻¹_ii)⁻¹ H⁻¹_i:
      const spread = new Float64Array(mine.length * length);
      mine.forEach((_, i) => {
        mine.forEach((b, j) => {
          const factor = block[i * mine.length + j]!;
          for (let k = 0; k < length; k++) spread[i * length + k]! += factor * inverse[b * length + k]!;
        });
      });
      const subtract = (matrix: Float64Array, row: number): void => {
        const factors = mine.map((a) => matrix[row + a]!);
        factors.forEach((factor, i) => {
          if (factor !== 0)
            for (let k = 0; k < length; k++) matrix[row + k]! -= factor * spread[i * length + k]!;
        });
      };
      for (let o = 0; o < outputs; o++) subtract(weights, o * length);
      for (let a = 0; a < length; a++) subtract(inverse, a * length);
      // What is gone stays gone, whatever rounding left there.
      for (const a of mine) {
        for (let k = 0; k < length; k++) inverse[a * length + k] = inverse[k * length + a] = 0;
        for (let o = 0; o < outputs; o++) weights[o * length + a] = 0;
      }
    },
  };
}
