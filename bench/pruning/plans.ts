/** What the study of pruning tries: pipelines that go between `optimize` and `quantize`, by what they show. */
import { criteria } from "../../passes/prune/criteria/index.ts";

export interface Plan {
  readonly name: string;
  /** Passes, each followed by a comma. */
  readonly prune: string;
}

export const unpruned: Plan = { name: "unpruned", prune: "" };

const closing = "remove-channels, canonicalize, eliminate-dead-code, ";
const shares = [0.2, 0.3, 0.5];

/** Normalizations are folded in the networks of the study, and with them what this criterion looks at. */
export const comparedCriteria = criteria
  .map(({ name }) => name)
  .filter((name) => name !== "batch-norm-scale");

/** Budgets such as `macs=0.5` in one step, in two, and what `quern compile --prune` does: the closer of both. */
export const budgetPlans = (budgets: readonly string[]): Plan[] =>
  budgets.flatMap((budget) => {
    const once = `prune-channels{${budget}}, reconstruct`;
    const twice = `prune-channels{${budget}, portion=0.5}, reconstruct, ${once}`;
    return [
      { name: `${budget}, at once`, prune: `${once}, ${closing}` },
      { name: `${budget}, two rounds`, prune: `${twice}, ${closing}` },
      { name: budget, prune: `${once}, set-aside, ${twice}, keep-closest, ${closing}` },
    ];
  });

/** The same share of each group, with and without repair. */
export const criterionPlans = (names: readonly string[]): Plan[] =>
  names.flatMap((criterion) =>
    shares.flatMap((share) => {
      const choice = `criterion=${criterion}, allocate=uniform, ratio=${share}`;
      return [
        { name: `${criterion} ${share}`, prune: `prune-channels{${choice}, repair=none}, ${closing}` },
        {
          name: `${criterion} ${share}, repaired`,
          prune: `prune-channels{${choice}}, reconstruct, ${closing}`,
        },
      ];
    }),
  );

/** Pieces smaller than channels, as masks. */
export const maskPlans = (): Plan[] => {
  const shared = ["weights", "blocks", "vectors", "kernels"].flatMap((granularity) =>
    [0.5, 0.7].flatMap((ratio) =>
      ["l2", "obs"].map((criterion) => `granularity=${granularity}, ratio=${ratio}, criterion=${criterion}`),
    ),
  );
  const local = ["n-of-m", "patterns"].flatMap((granularity) =>
    ["l2", "obs"].map((criterion) => `granularity=${granularity}, criterion=${criterion}`),
  );
  return [...shared, ...local].map((options) => ({ name: options, prune: `prune-weights{${options}}, ` }));
};
