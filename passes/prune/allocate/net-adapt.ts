/**
 * NetAdapt: the budget is approached in rounds. In each, every group alone is cut as far as the round asks, and the one that leaves
 * the best network is kept (Yang et al., "NetAdapt: Platform-aware neural network adaptation", algorithm 1; without its fine-tuning).
 */
import { none, type Allocator, type Levels, type Problem } from "./allocation.ts";

const rounds = 12;

export const netAdapt: Allocator = {
  name: "netadapt",
  doc: "In twelve rounds towards the budget, the one group cut that leaves the best network. Yang et al., 'NetAdapt', algorithm 1.",
  measures: true,
  async allocate(problem) {
    let levels: Levels = none(problem);
    const start = problem.excess(levels);
    for (let round = 1; problem.excess(levels) > 0; round++) {
      const wanted = Math.max(0, start * (1 - round / rounds));
      const candidates = problem.ladders.flatMap((_, g) => {
        const next = cutUntil(problem, levels, g, wanted);
        return next === undefined ? [] : [next];
      });
      // No group alone gets there: the next round asks for more, and the groups that are left go all the way.
      const open = candidates.length > 0 ? candidates : lastSteps(problem, levels);
      if (open.length === 0) break;
      let best = { levels, loss: Infinity };
      for (const [done, candidate] of open.entries()) {
        problem.progress((Math.min(round, rounds) - 1) * open.length + done, rounds * open.length);
        const loss = await problem.lossOf(candidate);
        if (loss < best.loss) best = { levels: candidate, loss };
      }
      if (best.loss === Infinity) break;
      levels = best.levels;
    }
    return levels;
  },
};

/** The first level of group g, below where it is, at which the excess is no more than wanted. */
function cutUntil(problem: Problem, levels: Levels, g: number, wanted: number): Levels | undefined {
  for (let level = levels[g]! + 1; level < problem.ladders[g]!.removed.length; level++) {
    const next = levels.with(g, level);
    if (problem.excess(next) <= wanted) return next;
  }
  return undefined;
}

const lastSteps = ({ ladders }: Problem, levels: Levels): Levels[] =>
  ladders.flatMap(({ removed }, g) =>
    levels[g]! + 1 < removed.length ? [levels.with(g, levels[g]! + 1)] : [],
  );
