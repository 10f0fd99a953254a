/**
 * Takes the masks off constants, so that what was pruned is back: the values beneath a mask are kept for that. What a criterion
 * fitted in the weights that stayed (prune-weights{criterion=obs}) stays fitted; channels that were removed do not come back.
 *
 * Real graphs only: what is stored under a mask are zeros.
 */
import { inPlaceOf, supersede } from "../../src/ir/match.ts";
import { constant, contentsOf, prunedCount } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";
import { requireReal } from "./require-real.ts";

export const restoreWeights = definePass({
  name: "restore-weights",
  summary: "take the masks off, so that pruned weights are back",
  options: {},
  run(graph, { count }) {
    requireReal(graph, "restore-weights");
    for (const operation of graph.operations) {
      const { result } = operation;
      const pruned = prunedCount(result);
      if (pruned === 0) continue;
      const place = { ...inPlaceOf(operation), type: result.type };
      supersede(graph, operation, graph.create(constant, {}, { value: contentsOf(result) }, place).result);
      count("constants");
      count("weights", pruned);
    }
  },
});
