/**
 * Of this pruning and the one put aside (`set-aside`), keeps that whose outputs are closer to the unpruned network's on samples held
 * out. Both are expected to meet the same budget. One step or several: which is better differs from network to network.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { judgeGraphs } from "../../src/measure/judge-outputs.ts";
import { definePass } from "../../src/pass/pass.ts";
import { dependencyGroups } from "./dependency-groups.ts";
import { measuringOf } from "./evidence.ts";
import { unreadCount } from "./mask-channels.ts";
import { groupFinding, resourceFinding } from "./pruned-findings.ts";
import { requireReal } from "./require-real.ts";
import { resourceModel } from "./resources.ts";
import { takeConstants } from "./take-constants.ts";

export const keepClosest = definePass({
  name: "keep-closest",
  summary: "of two prunings, keep the one closer to the unpruned network",
  options: {},
  async run(graph, { context, find }) {
    requireReal(graph, "keep-closest");
    const measuring = measuringOf(context, "keep-closest");
    const [unpruned, aside] = ["unpruned", "aside"].map((name) => context.snapshots.get(name));
    if (unpruned === undefined || aside === undefined)
      fail("no-unpruned-graph", "'keep-closest' has no other pruning to compare with", {
        help: "run set-aside before it, after the other pruning, in the same pipeline",
      });
    const [current, other] = await judgeGraphs(
      unpruned,
      [graph, aside],
      measuring.samples,
      measuring.createExecutor,
    );
    const isCloser = current!.ratio <= other!.ratio;
    if (!isCloser) takeConstants(graph, aside, "keep-closest");
    context.snapshots.delete("aside");

    const groups = dependencyGroups(graph);
    const gone = groups.map(unreadCount);
    const model = resourceModel(graph, groups);
    const [kept, left] = isCloser ? [current!, other!] : [other!, current!];
    find({
      summary: isCloser ? "the second one" : "the first one",
      ...resourceFinding(model(gone), model(groups.map(() => 0))),
      "held out dB": kept.decibels,
      "other dB": left.decibels,
      agreement: kept.agreement,
    });
    groups.forEach((group, g) => {
      find(groupFinding(group, gone[g]!));
    });
  },
});
