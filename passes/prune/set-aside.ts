/**
 * Puts a pruned network aside and goes back to the unpruned one, so that it can be pruned in another way; `keep-closest` then keeps the
 * better of both. Changes contents and masks of constants only.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import { definePass } from "../../src/pass/pass.ts";
import { requireReal } from "./require-real.ts";
import { takeConstants } from "./take-constants.ts";

export const setAside = definePass({
  name: "set-aside",
  summary: "put this pruning aside, to try another",
  options: {},
  run(graph, { context }) {
    requireReal(graph, "set-aside");
    const unpruned = context.snapshots.get("unpruned");
    if (unpruned === undefined)
      fail("no-unpruned-graph", "'set-aside' has no unpruned network to go back to", {
        help: "run prune-channels or prune-weights before it, in the same pipeline",
      });
    context.snapshots.set("aside", copyGraph(graph));
    takeConstants(graph, unpruned, "set-aside");
  },
});
