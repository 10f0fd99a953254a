/**
 * Erases operations whose results nobody reads.
 *
 * Operators have no effects, so an unread result is unneeded. Backwards, one sweep is enough: when an operation is
 * reached, all that could read it have been looked at. Inputs stay even when nobody reads them: the caller passes them.
 */
import { isOutput } from "../../src/ir/match.ts";
import { definePass } from "../../src/pass/pass.ts";

export const eliminateDeadCode = definePass({
  name: "eliminate-dead-code",
  summary: "erase operations nobody reads",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations.toReversed()) {
      if (operation.result.users.size > 0 || isOutput(graph, operation.result)) continue;
      graph.erase(operation);
      count("erased");
    }
  },
});
