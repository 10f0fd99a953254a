/** Criteria on networks whose spare channels are known beforehand (algorithms.md 11.3). */
import { describe, expect, test } from "vitest";
import { entropyOf } from "../../../passes/prune/criteria/entropy.ts";
import { criteria } from "../../../passes/prune/criteria/index.ts";
import { lassoPath } from "../../../passes/prune/criteria/lasso.ts";
import type { Ranking } from "../../../passes/prune/criteria/criterion.ts";
import { dependencyGroups } from "../../../passes/prune/dependency-groups.ts";
import { gatherEvidence } from "../../../passes/prune/evidence.ts";
import { interpreterFactory } from "../../../src/exec/interpreter.ts";
import type { Graph } from "../../../src/ir/graph.ts";
import { createRandom } from "../../../src/pass/random.ts";
import type { SampleSource } from "../../../src/pass/samples.ts";
import { normalSamples, randomMatrix, twoLayers } from "./networks.ts";

const inputs = 6;
const samples = normalSamples(80, inputs);

async function rank(name: string, graph: Graph, from: SampleSource = samples): Promise<Ranking> {
  const criterion = criteria.find((each) => each.name === name)!;
  const groups = dependencyGroups(graph);
  expect(groups).toHaveLength(1);
  const evidence = await gatherEvidence(
    graph,
    groups,
    new Set(criterion.needs),
    { createExecutor: interpreterFactory, samples: from },
    createRandom(3),
  );
  return criterion.rank(evidence.groups[0]!);
}

const random = createRandom(11);
const hidden = 8;
const first = randomMatrix(random, hidden, inputs);
const bias = Array.from({ length: hidden }, () => random.uniform());
const second = randomMatrix(random, 3, hidden);

describe("every criterion", () => {
  const names = criteria.map(({ name }) => name).filter((name) => name !== "batch-norm-scale");
  test.each(names)("%s ranks all channels once, cheapest first where costs are its own", async (name) => {
    const { order, cost } = await rank(name, twoLayers(first, bias, second));
    expect(order.toSorted((a, b) => a - b)).toEqual([...Array(hidden).keys()]);
    expect(cost).toHaveLength(hidden);
    expect(cost.every((each) => each >= 0)).toBe(true);
  });

  test.each(["l1", "l2", "lp", "norm-product", "inbound-share", "lasso", "second-order", "measured-loss"])(
    "%s gives up a channel first that nothing makes or reads",
    async (name) => {
      const dead = 5;
      const graph = twoLayers(
        first.with(
          dead,
          first[dead]!.map(() => 0),
        ),
        bias.with(dead, 0),
        second.map((row) => row.with(dead, 0)),
      );
      const { order, cost } = await rank(name, graph);
      expect(order[0]).toBe(dead);
      expect(cost[0]).toBeCloseTo(0, 9);
    },
  );
});

test("the geometric median gives up one of two equal filters", async () => {
  const twins = twoLayers(first.with(6, first[2]!), bias, second);
  const centred = first.map((row, c) => (c === 2 || c === 6 ? row.map(() => 0.01) : row));
  expect([2, 6]).toContain((await rank("geometric-median", twoLayers(centred, bias, second))).order[0]);
  const { order } = await rank("geometric-median", twins);
  expect(order).toHaveLength(hidden);
});

test("second order gives up one of two channels that are the same, and then not the other", async () => {
  const twin = twoLayers(first.with(6, first[2]!), bias.with(6, bias[2]!), second);
  const { order, cost } = await rank("second-order", twin);
  expect([2, 6]).toContain(order[0]);
  // Not 0: moments are damped by a hundredth.
  expect(cost[0]! * 10).toBeLessThan(cost[1]!);
  const other = order[0] === 2 ? 6 : 2;
  expect(cost[order.indexOf(other)]! / cost[0]!).toBeGreaterThan(10);
});

test.each(["norm-product", "inbound-share", "lasso", "measured-loss"])(
  "%s does not mind what equalization changes",
  async (name) => {
    const scale = (channel: number): number => 2 ** (channel - 4);
    const scaled = twoLayers(
      first.map((row, c) => row.map((w) => w * scale(c))),
      bias.map((b, c) => b * scale(c)),
      second.map((row) => row.map((w, c) => w / scale(c))),
    );
    const [plain, equalized] = [await rank(name, twoLayers(first, bias, second)), await rank(name, scaled)];
    expect(equalized.order).toEqual(plain.order);
    equalized.cost.forEach((cost, i) => {
      expect(cost).toBeCloseTo(plain.cost[i]!, 5);
    });
  },
);

test("a norm alone does mind: that is what the product is for", async () => {
  const scaled = twoLayers(
    first.map((row, c) => row.map((w) => w * (c === 0 ? 1e3 : 1))),
    bias.map((b, c) => b * (c === 0 ? 1e3 : 1)),
    second.map((row) => row.map((w, c) => w / (c === 0 ? 1e3 : 1))),
  );
  expect((await rank("l2", scaled)).order).not.toEqual(
    (await rank("l2", twoLayers(first, bias, second))).order,
  );
});

test("LASSO finds the planted support", () => {
  // Channels 0 to 3 make up the target, 4 to 7 are small noise of their own.
  const size = 8;
  const gram = new Float64Array(size * size);
  for (let i = 0; i < size; i++) gram[i * size + i] = i < 4 ? 1 + i * 0.1 : 0.01 * (i - 3);
  const { order, cost } = lassoPath(gram, size);
  expect(order).toEqual([4, 5, 6, 7, 0, 1, 2, 3]);
  expect(cost).toEqual(cost.toSorted((a, b) => a - b));
});

test("APoZ and variance know a rectifier that never opens", async () => {
  const closed = twoLayers(first, bias.with(3, -100), second);
  expect((await rank("apoz", closed)).order[0]).toBe(3);
  expect((await rank("output-variance", closed)).order[0]).toBe(3);
  expect((await rank("entropy", closed)).order[0]).toBe(3);
});

test("entropy of equal bins is the logarithm of their number, of one value 0", () => {
  expect(entropyOf(Array.from({ length: 100 }, (_, i) => i))).toBeCloseTo(Math.log(100), 9);
  expect(entropyOf([2, 2, 2])).toBe(0);
});

test("the measured loss is what the network without the channel loses", async () => {
  const { order, cost } = await rank("measured-loss", twoLayers(first, bias, second));
  const silent = order.at(-1)!;
  const lone = await rank(
    "measured-loss",
    twoLayers(
      first,
      bias,
      second.map((row) => row.map((w, c) => (c === silent ? w : 0))),
    ),
  );
  expect(cost).toEqual(cost.toSorted((a, b) => a - b));
  expect(lone.order.at(-1)).toBe(silent);
  expect(lone.cost.at(-1)).toBeGreaterThan(0.5);
});

test("the lot falls as the seed says", async () => {
  const graph = twoLayers(first, bias, second);
  expect(await rank("random", graph)).toEqual(await rank("random", graph));
});
