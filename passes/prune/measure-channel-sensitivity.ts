/**
 * How much the network minds losing channels, group by group: every group alone is pruned by 10 to 90 %, its readers are repaired, and the
 * outputs are compared with the network's on samples held out (Li et al., "Pruning filters for efficient ConvNets", section 3.2). It
 * changes nothing; the report draws the curves.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { choice, floats } from "../../src/ir/attributes.ts";
import { toDecibels } from "../../src/measure/judge-outputs.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { definePass } from "../../src/pass/pass.ts";
import { criteria } from "./criteria/index.ts";
import { dependencyGroups } from "./dependency-groups.ts";
import { gatherEvidence, measuringOf, type Need } from "./evidence.ts";
import { PruningPlanner } from "./pruning.ts";
import { repairMethods } from "./repair.ts";
import { requireReal } from "./require-real.ts";
import { resourceModel } from "./resources.ts";
import { Trials } from "./trial.ts";

const tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

export const measureChannelSensitivity = definePass({
  name: "measure-channel-sensitivity",
  summary: "how the outputs move as channels go, group by group",
  options: {
    criterion: choice(
      criteria.map(({ name }) => name),
      "second-order",
    ),
    repair: choice(repairMethods, "least-squares"),
    shares: floats(undefined, tenths),
  },
  async run(graph, { options, context, find }) {
    if (!options.shares.every((share) => share > 0 && share < 1))
      fail("option", `shares are ${options.shares.join(", ")}, expected between 0 and 1`);
    requireReal(graph, "measure-channel-sensitivity");
    const measuring = measuringOf(context, "measure-channel-sensitivity");
    const criterion = criteria.find(({ name }) => name === options.criterion)!;
    const groups = dependencyGroups(graph);
    const needs = new Set<Need>(criterion.needs);
    if (options.repair !== "none") needs.add("moments");
    const random = context.random(1);
    const evidence = await gatherEvidence(graph, groups, needs, measuring, random, context.progress);
    const trials = await Trials.of(graph, measuring);
    const planner = new PruningPlanner(evidence.moments, options.repair);
    const model = resourceModel(graph, groups);
    for (const [g, each] of evidence.groups.entries()) {
      const { group } = each;
      const { order } = criterion.rank(each);
      for (const [s, share] of options.shares.entries()) {
        context.progress?.(g * options.shares.length + s, groups.length * options.shares.length);
        const removed = Math.min(
          group.channels.length - 1,
          roundHalfAwayFromZero(share * group.channels.length),
        );
        if (removed === 0) continue;
        const channels = order.slice(0, removed);
        const { loss, unpruned } = await trials.measure(planner.plan([{ group, channels }]));
        find({
          group: group.name,
          share: removed / group.channels.length,
          macs: model(groups.map((_, other) => (other === g ? removed : 0))).macs,
          "held out dB": toDecibels(loss),
          agreement: unpruned.agreement,
        });
      }
    }
  },
});
