/**
 * Step by step, the group whose next level loses least for what it saves.
 *
 * Losses are measured on the network as it stands. They seldom fall as more is removed, so that a price from an earlier state is
 * taken for a lower bound: only the cheapest is measured anew, until the cheapest is a fresh one (Minoux, "Accelerated greedy
 * algorithms").
 */
import { roundHalfAwayFromZero } from "../../../src/numerics/round.ts";
import { none, type Allocator } from "./allocation.ts";

export const greedy: Allocator = {
  name: "greedy",
  doc: "Level after level, the group that loses least for what it saves, both measured.",
  measures: true,
  async allocate(problem) {
    const levels = none(problem);
    const start = problem.excess(levels);
    let loss = 0;
    let prices = problem.ladders.map(() => ({ price: -Infinity, loss: 0, fresh: false }));
    while (problem.excess(levels) > 0) {
      problem.progress(roundHalfAwayFromZero(100 * (1 - problem.excess(levels) / start)), 100);
      const open = [...prices.keys()].filter((g) => levels[g]! + 1 < problem.ladders[g]!.removed.length);
      if (open.length === 0) break;
      const cheapest = open.reduce((least, g) => (prices[g]!.price < prices[least]!.price ? g : least));
      const next = levels.with(cheapest, levels[cheapest]! + 1);
      if (prices[cheapest]!.fresh) {
        levels[cheapest]!++;
        loss = prices[cheapest]!.loss;
        prices = prices.map((price, g) => ({
          ...price,
          price: g === cheapest ? -Infinity : price.price,
          fresh: false,
        }));
        continue;
      }
      const found = await problem.lossOf(next);
      const saved = problem.costOf(levels) - problem.costOf(next);
      const price = saved > 0 ? (found - loss) / saved : Infinity;
      prices[cheapest] = { price, loss: found, fresh: true };
    }
    return levels;
  },
};
