/**
 * Removes a negation of a negation.
 *
 *     -(-x) = x        exactly, signed zeros included
 *
 * Declines when the result is an output and x an input or another output: outputs keep their names.
 */
import { bypass, matchOperation } from "../../src/ir/match.ts";
import { neg } from "../../src/ops/neg.ts";
import { definePass } from "../../src/pass/pass.ts";

export const foldDoubleNegation = definePass({
  name: "fold-double-negation",
  summary: "remove a negation of a negation",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      const outer = matchOperation(operation, neg);
      const inner = matchOperation(outer?.operands.input.producer, neg);
      if (inner === undefined) continue;
      if (bypass(graph, operation, inner.operands.input)) count("folded");
    }
  },
});
