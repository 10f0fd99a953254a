/**
 * Equal damage for all: every group alone is cut until the network's loss reaches a threshold, the threshold that meets the
 * budget (Li et al., "Pruning filters for efficient ConvNets", section 3.2, set by measurement instead of by eye).
 */
import { none, type Allocator, type Problem } from "./allocation.ts";

export const bySensitivity: Allocator = {
  name: "sensitivity",
  doc: "Every group as far as its own sensitivity curve stays below one threshold for all.",
  measures: true,
  async allocate(problem) {
    const curves = await lossCurves(problem);
    const losses = [...new Set(curves.flat())].sort((a, b) => a - b);
    for (const threshold of losses) {
      const levels = curves.map((curve) => curve.findLastIndex((loss) => loss <= threshold));
      if (problem.excess(levels) <= 0) return levels;
    }
    return problem.ladders.map(({ removed }) => removed.length - 1);
  },
};

/** The loss of the network with one group at each of its levels, made not to fall. */
async function lossCurves(problem: Problem): Promise<number[][]> {
  const total = problem.ladders.reduce((sum, { removed }) => sum + removed.length, 0);
  let done = 0;
  const curves: number[][] = [];
  for (const [g, { removed }] of problem.ladders.entries()) {
    const curve = [0];
    for (let level = 1; level < removed.length; level++) {
      problem.progress(done++, total);
      const loss = await problem.lossOf(none(problem).with(g, level));
      curve.push(Math.max(curve.at(-1)!, loss));
    }
    curves.push(curve);
  }
  return curves;
}
