/**
 * How many channels each group gives up to meet a budget. An allocator sees groups as ladders of levels, level l having `removed[l]`
 * channels fewer than the network has, and answers with a level for each. Level 0 is the network as it stands.
 */
import { fail } from "../../../src/diagnostics/diagnostic.ts";
import type { Random } from "../../../src/pass/random.ts";
import type { Ranking } from "../criteria/criterion.ts";
import type { DependencyGroup } from "../dependency-groups.ts";
import type { ResourceModel, Resources } from "../resources.ts";

export interface Ladder {
  readonly group: DependencyGroup;
  readonly ranking: Ranking;
  /** Ascending from what earlier rounds removed. */
  readonly removed: readonly number[];
}

export type Levels = readonly number[];

export interface Problem {
  readonly ladders: readonly Ladder[];
  /** What is left of the network's resources; the budget is met at 0 or less. */
  excess(levels: Levels): number;
  /** In the budget's unit. */
  readonly costOf: (levels: Levels) => number;
  /** How far the outputs of the network as it stands move, with the repair that was asked for. */
  readonly lossOf: (levels: Levels) => Promise<number>;
  readonly random: Random;
  readonly progress: (done: number, total: number) => void;
}

export interface Allocator {
  readonly name: string;
  readonly doc: string;
  /** Whether it looks at the network, or at scores alone. */
  readonly measures: boolean;
  readonly allocate: (problem: Problem) => Promise<Levels> | Levels;
}

/**
 * Levels that leave a multiple of `multiple` channels (a target's lanes), at least one multiple of them; a group of fewer channels
 * keeps all. Large groups have about `steps` levels, so that a search ends.
 *
 * @param gone channels that are removed already; they lead the ranking
 */
export function ladderOf(
  group: DependencyGroup,
  ranking: Ranking,
  multiple: number,
  gone = 0,
  steps = 16,
): Ladder {
  const count = group.channels.length;
  const stride = Math.max(1, Math.floor(count / multiple / steps)) * multiple;
  const removed = [gone];
  for (let kept = Math.floor((count - 1) / multiple) * multiple; kept >= multiple; kept -= stride)
    if (count - kept > gone) removed.push(count - kept);
  return { group, ranking, removed };
}

export const none = ({ ladders }: Problem): number[] => ladders.map(() => 0);
export const lowest = ({ ladders }: Problem): number[] => ladders.map(({ removed }) => removed.length - 1);

export const removedBy = (ladders: readonly Ladder[], levels: Levels): number[] =>
  ladders.map(({ removed }, g) => removed[levels[g]!]!);

/** The highest level that removes no more than this share of the channels, to the nearest. */
export function levelOfShare({ group, removed }: Ladder, share: number): number {
  const wish = share * group.channels.length;
  let best = 0;
  removed.forEach((count, level) => {
    if (Math.abs(count - wish) < Math.abs(removed[best]! - wish)) best = level;
  });
  return best;
}

/** The least t on a fine grid of [0, 1] whose levels meet the budget; all levels at their lowest when none does. */
export function leastThat(problem: Problem, levelsAt: (t: number) => Levels): Levels {
  for (let i = 0; i <= 1000; i++) {
    const levels = levelsAt(i / 1000);
    if (problem.excess(levels) <= 0) return levels;
  }
  return lowest(problem);
}

export type Budget = { readonly [R in keyof Resources]?: number };

/** The largest relative excess over what the budget names. */
export const excessOf =
  (model: ResourceModel, ladders: readonly Ladder[], budget: Budget) =>
  (levels: Levels): number => {
    const left = model(removedBy(ladders, levels));
    return Math.max(
      ...Object.entries(budget).map(([name, most]) => left[name as keyof Resources] / most - 1),
    );
  };

/** @throws DiagnosticError `prune-budget` when even the lowest levels do not meet it */
export function requireAttainable(model: ResourceModel, ladders: readonly Ladder[], budget: Budget): void {
  const least = model(
    removedBy(
      ladders,
      ladders.map(({ removed }) => removed.length - 1),
    ),
  );
  for (const [name, most] of Object.entries(budget)) {
    const smallest = least[name as keyof Resources];
    if (smallest > most)
      fail("prune-budget", `pruning cannot get to ${Math.floor(most)} ${words[name as keyof Resources]}`, {
        notes: [
          { message: `with the fewest channels in every group ${smallest} are left` },
          { message: "inputs, outputs and what a softmax or a mean runs over keep their channels" },
        ],
        help: "allow more, or start from a smaller network",
      });
  }
}

const words: Readonly<Record<keyof Resources, string>> = {
  macs: "multiply-accumulates",
  weightBytes: "bytes of weights",
  channels: "channels",
};
