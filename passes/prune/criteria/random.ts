/** The baseline: what any criterion has to beat. */
import { rankByScore, type Criterion } from "./criterion.ts";

export const randomOrder: Criterion = {
  name: "random",
  doc: "By lot, from the pass's seed.",
  needs: ["weights"],
  rank: ({ group, random }) => rankByScore(group.channels.map(() => random.uniform() + 2 ** -33)),
};
