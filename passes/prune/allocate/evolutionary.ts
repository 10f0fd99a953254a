/**
 * Evolution of allocations: the better half of a population stays, its members cross and mutate, whatever exceeds the budget is cut at
 * random until it does not (after Real et al., "Regularized evolution"; Lin et al., "MCUNet", section 3.1).
 */
import { leastThat, levelOfShare, type Allocator, type Levels, type Problem } from "./allocation.ts";

const population = 12;
const generations = 8;

export const evolutionary: Allocator = {
  name: "evolutionary",
  doc: "Twelve allocations over eight generations of crossing and mutation, those of the least measured loss survive.",
  measures: true,
  async allocate(problem) {
    const even = leastThat(problem, (share) => problem.ladders.map((ladder) => levelOfShare(ladder, share)));
    const known = new Map<string, { levels: Levels; loss: number }>();
    let members: Levels[] = [
      even,
      ...Array.from({ length: population - 1 }, () => fitted(problem, mutated(problem, even, 0.8))),
    ];
    for (let generation = 0; generation < generations; generation++) {
      for (const [m, levels] of members.entries()) {
        problem.progress(generation * population + m, generations * population);
        if (!known.has(levels.join()))
          known.set(levels.join(), { levels, loss: await problem.lossOf(levels) });
      }
      const parents = [...known.values()].sort((a, b) => a.loss - b.loss).slice(0, population / 2);
      const pick = (): Levels => parents[problem.random.integer(parents.length)]!.levels;
      members = Array.from({ length: population }, () =>
        fitted(problem, mutated(problem, crossed(problem, pick(), pick()), 0.3)),
      );
    }
    return [...known.values()].reduce((best, each) => (each.loss < best.loss ? each : best)).levels;
  },
};

const crossed = ({ random }: Problem, a: Levels, b: Levels): Levels =>
  a.map((level, g) => (random.uniform() < 0.5 ? level : b[g]!));

function mutated({ ladders, random }: Problem, levels: Levels, rate: number): Levels {
  return levels.map((level, g) => {
    if (random.uniform() >= rate) return level;
    const step = (random.integer(3) + 1) * (random.uniform() < 0.5 ? -1 : 1);
    return Math.max(0, Math.min(ladders[g]!.removed.length - 1, level + step));
  });
}

/** Cuts at random until the budget is met, then gives back at random what it can. */
function fitted(problem: Problem, given: Levels): Levels {
  const { ladders, random } = problem;
  let levels = given;
  while (problem.excess(levels) > 0) {
    const open = [...ladders.keys()].filter((g) => levels[g]! + 1 < ladders[g]!.removed.length);
    if (open.length === 0) break;
    const g = open[random.integer(open.length)]!;
    levels = levels.with(g, levels[g]! + 1);
  }
  const spare = [...ladders.keys()].filter((g) => levels[g]! > 0);
  while (spare.length > 0) {
    const [g] = spare.splice(random.integer(spare.length), 1);
    for (let next = levels.with(g!, levels[g!]! - 1); levels[g!]! > 0 && problem.excess(next) <= 0;) {
      levels = next;
      next = levels.with(g!, Math.max(0, levels[g!]! - 1));
    }
  }
  return levels;
}
