/** The channels that cost least by the criterion for what they save, wherever they are. */
import { none, type Allocator, type Ladder } from "./allocation.ts";

export const globalRanking: Allocator = {
  name: "global",
  doc: "Channels of all groups in one ranking, by the criterion's cost for what removing them saves.",
  measures: false,
  allocate(problem) {
    const levels = none(problem);
    while (problem.excess(levels) > 0) {
      const steps = problem.ladders.flatMap((ladder, g) => {
        const level = levels[g]!;
        if (level + 1 >= ladder.removed.length) return [];
        const next = levels.with(g, level + 1);
        const saved = problem.costOf(levels) - problem.costOf(next);
        return saved > 0 ? [{ g, price: costBetween(ladder, level) / saved }] : [];
      });
      if (steps.length === 0) break;
      const { g } = steps.reduce((least, step) => (step.price < least.price ? step : least));
      levels[g]!++;
    }
    return levels;
  },
};

/** Of the channels that the next level removes. */
function costBetween({ ranking, removed }: Ladder, level: number): number {
  let cost = 0;
  for (let i = removed[level]!; i < removed[level + 1]!; i++) cost += ranking.cost[i]!;
  return cost;
}
