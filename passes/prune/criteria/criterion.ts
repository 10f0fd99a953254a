/**
 * What makes a channel worth keeping. A criterion is one file: its formula with its source, what it needs to have measured, and the
 * order in which it would give up the channels of a group.
 *
 * Those that need gradients (Taylor expansion, network slimming's training) will take their place here once the compiler has them.
 */
import type { GroupEvidence, Need } from "../evidence.ts";

export interface Ranking {
  /** The group's channels, the first to go first. */
  readonly order: readonly number[];
  /** What giving up each of them costs, in that order; comparable between groups. */
  readonly cost: readonly number[];
}

export interface Criterion {
  readonly name: string;
  /** One line with formula and source, for the documentation. */
  readonly doc: string;
  readonly needs: readonly Need[];
  readonly rank: (evidence: GroupEvidence) => Ranking;
}

/** From one number a channel, low to be pruned first. */
export function byScore(spec: {
  readonly name: string;
  readonly doc: string;
  readonly needs?: readonly Need[];
  readonly score: (evidence: GroupEvidence) => ArrayLike<number>;
}): Criterion {
  const { name, doc, needs = ["weights"], score } = spec;
  return { name, doc, needs, rank: (evidence) => rankByScore(score(evidence)) };
}

/**
 * Costs are LAMP's: the square of the score over the squares of all that are not lower, which no scale of the layer changes (Lee et
 * al., "Layer-adaptive sparsity for the magnitude-based pruning", equation 2). Equal scores go in the order of the channels.
 */
export function rankByScore(scores: ArrayLike<number>): Ranking {
  const order = Array.from(scores, (_, channel) => channel).sort((a, b) => scores[a]! - scores[b]! || a - b);
  const cost = new Array<number>(order.length).fill(0);
  let notLower = 0;
  for (let i = order.length - 1; i >= 0; i--) {
    const score = scores[order[i]!]!;
    const square = score * score;
    notLower += square;
    cost[i] = notLower > 0 ? square / notLower : 0;
  }
  return { order, cost };
}
