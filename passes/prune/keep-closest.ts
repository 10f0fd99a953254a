/**
 * Of this pruning and the one put aside (`set-aside`), keeps that whose outputs are closer to the unpruned network's on samples held
 * out. One step or several: which is better differs from network to network. Refuses to compare two of different size, for the larger
 * would win.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { judgeGraphs } from "../../src/measure/judge-outputs.ts";
import { definePass } from "../../src/pass/pass.ts";
import { dependencyGroups } from "./dependency-groups.ts";
import { measuringOf } from "./evidence.ts";
import { unreadCount } from "./mask-channels.ts";
import { groupFinding, resourceFinding } from "./pruned-findings.ts";
import { requireReal } from "./require-real.ts";
import { resourceModel, type Resources } from "./resources.ts";
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
    const groups = dependencyGroups(graph);
    const model = resourceModel(graph, groups);
    requireSameSize(model(groups.map(unreadCount)), model(dependencyGroups(aside).map(unreadCount)));
    const [current, other] = await judgeGraphs(
      unpruned,
      [graph, aside],
      measuring.samples,
      measuring.createExecutor,
    );
    const isCloser = current!.ratio <= other!.ratio;
    if (!isCloser) takeConstants(graph, aside, "keep-closest");
    context.snapshots.delete("aside");

    // Constants were exchanged, and groups know those they were found in.
    const kept = dependencyGroups(graph);
    const gone = kept.map(unreadCount);
    const [winner, loser] = isCloser ? [current!, other!] : [other!, current!];
    find({
      summary: isCloser ? "the second one" : "the first one",
      ...resourceFinding(model(gone), model(gone.map(() => 0))),
      "held out dB": winner.decibels,
      "other dB": loser.decibels,
      agreement: winner.agreement,
    });
    kept.forEach((group, g) => {
      find(groupFinding(group, gone[g]!));
    });
  },
});

/** Lanes and rungs let two prunings to one budget differ by some percent. */
const mostApart = 1.15;

/** @throws DiagnosticError `prune-budget` */
function requireSameSize(a: Resources, b: Resources): void {
  const isLarger = (x: Resources, y: Resources): boolean =>
    x.macs > mostApart * y.macs && x.weightBytes > mostApart * y.weightBytes;
  if (!isLarger(a, b) && !isLarger(b, a)) return;
  const sizeOf = ({ macs, weightBytes }: Resources): string =>
    `${macs} multiply-accumulates and ${weightBytes} bytes of weights`;
  fail("prune-budget", `'keep-closest' has two prunings of different size`, {
    notes: [{ message: `this one leaves ${sizeOf(a)}` }, { message: `the one put aside ${sizeOf(b)}` }],
    help: "prune to the same budget before set-aside and after it",
  });
}
