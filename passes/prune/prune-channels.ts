/**
 * Masks the channels that matter least, until a budget is met, and repairs the layers that read them.
 *
 * A *criterion* says in which order a group would give up its channels (criteria/), an *allocator* how many each group gives up
 * (allocate/), a *repair* what the layers that read them make of the rest (repair.ts). Choices are measured on the held-out fifth of the
 * calibration samples, moments and statistics on the others; labels play no part. `remove-channels` then makes the graph smaller,
 * `reconstruct` fits what is left once more.
 *
 * The budget is the least of what is given: `ratio`, the share of the prunable channels to remove; `macs` and `weights`, the
 * multiply-accumulates and the bytes of weights to leave, or shares of what there is when at most 1. Iterative pruning: `portion` goes
 * only so much of the way from what is left to the budget, and the pass, run again after a repair, goes on from there. Declines in groups of no more than `multiple` channels.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { choice, float, int } from "../../src/ir/attributes.ts";
import { toDecibels } from "../../src/measure/judge-outputs.ts";
import { definePass } from "../../src/pass/pass.ts";
import {
  excessOf,
  ladderOf,
  removedBy,
  requireAttainable,
  type Budget,
  type Ladder,
  type Levels,
} from "./allocate/allocation.ts";
import { allocators } from "./allocate/index.ts";
import type { Ranking } from "./criteria/criterion.ts";
import { criteria } from "./criteria/index.ts";
import { dependencyGroups, type DependencyGroup } from "./dependency-groups.ts";
import { gatherEvidence, measuringOf, type Need } from "./evidence.ts";
import { isUnread, unreadCount, type ChosenChannels } from "./mask-channels.ts";
import { groupFinding, resourceFinding } from "./pruned-findings.ts";
import { applyPruning, PruningPlanner, rememberUnpruned, type Pruning } from "./pruning.ts";
import { repairMethods } from "./repair.ts";
import { requireReal } from "./require-real.ts";
import { resourceModel, type Resources } from "./resources.ts";
import { Trials, type Trial } from "./trial.ts";

const criterionNames = criteria.map(({ name }) => name);
const allocatorNames = allocators.map(({ name }) => name);

export const pruneChannels = definePass({
  name: "prune-channels",
  summary: "mask the channels that matter least, within a budget",
  options: {
    criterion: choice(criterionNames, "second-order"),
    allocate: choice(allocatorNames, "greedy"),
    repair: choice(repairMethods, "least-squares"),
    ratio: float(0),
    macs: float(Infinity),
    weights: float(Infinity),
    portion: float(1),
    multiple: int(4),
    seed: int(1),
  },
  async run(graph, { options, context, count, find }) {
    checkOptions(options);
    requireReal(graph, "prune-channels");
    const groups = dependencyGroups(graph);
    if (groups.length === 0)
      fail("nothing-to-prune", "the network has no channels that can be removed", {
        help: "channels tied to inputs, outputs, a softmax or a mean over them must stay",
      });
    const criterion = criteria.find(({ name }) => name === options.criterion)!;
    const allocator = allocators.find(({ name }) => name === options.allocate)!;
    const needs = new Set<Need>(criterion.needs);
    if (options.repair !== "none") needs.add("moments");
    const measures = allocator.measures || [...needs].some((need) => need !== "weights");
    const measuring = measures ? measuringOf(context, "prune-channels") : undefined;
    const random = context.random(options.seed);
    const evidence = await gatherEvidence(graph, groups, needs, measuring, random, context.progress);

    const model = resourceModel(graph, groups);
    const whole = model(groups.map(() => 0));
    const budget = budgetOf(options, whole, model(groups.map(unreadCount)));
    const ladders = evidence.groups.map((each) =>
      ladderOf(
        each.group,
        unreadFirst(each.group, criterion.rank(each)),
        options.multiple,
        unreadCount(each.group),
      ),
    );
    requireAttainable(model, ladders, budget);
    const planner = new PruningPlanner(evidence.moments, options.repair);
    const planOf = (levels: Levels): Pruning => planner.plan(chosenBy(ladders, levels));
    const unpruned = rememberUnpruned(graph, context);
    const trials = measuring && (await Trials.of(graph, measuring, unpruned));
    const tried: Tried[] = [{ ...whole, ratio: 0, agreement: 1 }];
    const tryLevels = async (levels: Levels): Promise<Trial> => {
      const trial = await trials!.measure(planOf(levels));
      const { ratio, agreement } = trial.unpruned;
      tried.push({ ...model(removedBy(ladders, levels)), ratio, agreement });
      return trial;
    };
    const main = Object.keys(budget)[0] as keyof Budget;
    const levels = await allocator.allocate({
      ladders,
      excess: excessOf(model, ladders, budget),
      costOf: (levels) => model(removedBy(ladders, levels))[main] / whole[main],
      lossOf: async (levels) => (await tryLevels(levels)).loss,
      random,
      progress: context.progress ?? ((): void => undefined),
    });

    const final = trials && (await tryLevels(levels));
    applyPruning(graph, planOf(levels));
    find({
      summary: `${criterion.name}, ${allocator.name}, ${options.repair}`,
      ...resourceFinding(model(removedBy(ladders, levels)), whole),
      ...(final === undefined
        ? {}
        : { "held out dB": toDecibels(final.unpruned.ratio), agreement: final.unpruned.agreement }),
    });
    for (const { macs, weightBytes, ratio, agreement } of trials === undefined ? [] : frontier(tried))
      find({ frontier: macs, weightBytes, "held out dB": toDecibels(ratio), agreement });
    ladders.forEach(({ group, removed }, g) => {
      const gone = removed[levels[g]!]!;
      find(groupFinding(group, gone));
      count("masked", gone);
    });
  },
});

interface Tried extends Resources {
  /** Noise over signal, to the unpruned network. */
  readonly ratio: number;
  readonly agreement: number;
}

/** What was tried and is beaten by nothing smaller, from the smallest. */
function frontier(tried: readonly Tried[]): readonly Tried[] {
  let least = Infinity;
  return tried
    .toSorted((a, b) => a.macs - b.macs || a.ratio - b.ratio)
    .filter(({ ratio }) => {
      if (ratio >= least) return false;
      least = ratio;
      return true;
    });
}

interface BudgetOptions {
  readonly ratio: number;
  readonly macs: number;
  readonly weights: number;
  readonly portion: number;
  readonly multiple: number;
}

function checkOptions({ ratio, macs, weights, portion, multiple }: BudgetOptions): void {
  if (!(ratio >= 0 && ratio < 1)) fail("option", `ratio is ${ratio}, expected at least 0 and less than 1`);
  if (!(macs > 0) || !(weights > 0)) fail("option", "macs and weights are expected to be positive");
  if (!(portion > 0 && portion <= 1)) fail("option", `portion is ${portion}, expected above 0 and at most 1`);
  if (multiple < 1) fail("option", `multiple is ${multiple}, expected 1 or more`);
  if (ratio === 0 && macs === Infinity && weights === Infinity)
    fail("option", "'prune-channels' has no budget", { help: "give ratio, macs or weights" });
}

/** What an earlier round masked goes first and costs nothing, whatever the criterion thinks of zeros. */
function unreadFirst(group: DependencyGroup, { order, cost }: Ranking): Ranking {
  const unread = new Set(order.filter((channel) => isUnread(group, group.channels[channel]!)));
  const rest = order.flatMap((channel, i) => (unread.has(channel) ? [] : [{ channel, cost: cost[i]! }]));
  return {
    order: [...unread, ...rest.map(({ channel }) => channel)],
    cost: [...Array.from(unread, () => 0), ...rest.map((each) => each.cost)],
  };
}

/** The next whole number, but that a tenth of ten is 1 whatever its last bits say. */
const atLeast = (count: number): number => Math.ceil(count - 1e-9);

/**
 * Absolute, from numbers that may be shares.
 *
 * @param left by earlier rounds of what there was
 */
function budgetOf(
  { ratio, macs, weights, portion }: BudgetOptions,
  whole: Resources,
  left: Resources,
): Budget {
  const reach = (goal: number, now: number): number => goal + (1 - portion) * Math.max(0, now - goal);
  const most = (wish: number, all: number): number => (wish <= 1 ? wish * all : wish);
  const channels = whole.channels - atLeast(ratio * whole.channels);
  return {
    ...(macs < Infinity ? { macs: reach(most(macs, whole.macs), left.macs) } : {}),
    ...(weights < Infinity ? { weightBytes: reach(most(weights, whole.weightBytes), left.weightBytes) } : {}),
    ...(ratio > 0 ? { channels: reach(channels, left.channels) } : {}),
  };
}

const chosenBy = (ladders: readonly Ladder[], levels: Levels): ChosenChannels =>
  ladders.map(({ group, ranking, removed }, g) => ({
    group,
    channels: ranking.order.slice(0, removed[levels[g]!]),
  }));
