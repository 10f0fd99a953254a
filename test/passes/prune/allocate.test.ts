/** Allocators meet budgets, and the resource model is what removal leaves. */
import { describe, expect, test } from "vitest";
import { allocators } from "../../../passes/prune/allocate/index.ts";
import { dependencyGroups } from "../../../passes/prune/dependency-groups.ts";
import { macsOf, resourceModel } from "../../../passes/prune/resources.ts";
import type { Graph } from "../../../src/ir/graph.ts";
import { isConstant } from "../../../src/ir/match.ts";
import { copyGraph } from "../../../src/ir/copy-graph.ts";
import { createRandom } from "../../../src/pass/random.ts";
import { roundHalfAwayFromZero } from "../../../src/numerics/round.ts";
import { elementCount } from "../../../src/tensor/tensor.ts";
import { parseGraph } from "../../../src/text/parse.ts";
import { normalSamples, randomMatrix, run, twoLayers } from "./networks.ts";

const random = createRandom(21);
const rows = (count: number, columns: number): string =>
  `[${randomMatrix(random, count, columns)
    .map((row) => `[${row.join(", ")}]`)
    .join(", ")}]`;

/** Three hidden layers of 8, the last two in a sum. */
const net = parseGraph(
  `graph @net(%x: tensor<1x6xf32>) {
  %w0 = constant {value = dense<${rows(8, 6)}>} : tensor<8x6xf32>
  %h0 = linear %x, %w0 : tensor<1x8xf32>
  %r0 = relu %h0 : tensor<1x8xf32>
  %w1 = constant {value = dense<${rows(8, 8)}>} : tensor<8x8xf32>
  %h1 = linear %r0, %w1 : tensor<1x8xf32>
  %r1 = relu %h1 : tensor<1x8xf32>
  %w2 = constant {value = dense<${rows(8, 8)}>} : tensor<8x8xf32>
  %h2 = linear %r1, %w2 : tensor<1x8xf32>
  %s = add %h1, %h2 : tensor<1x8xf32>
  %w3 = constant {value = dense<${rows(4, 8)}>} : tensor<4x8xf32>
  %y = linear %s, %w3 : tensor<1x4xf32>
  return %y
}`,
  { file: "net.qir" },
);
const samples = normalSamples(60, 6);

const macs = (graph: Graph): number =>
  graph.operations.reduce((sum, operation) => sum + macsOf(operation), 0);
const weights = (graph: Graph): number =>
  graph.values.filter(isConstant).reduce((sum, { type }) => sum + elementCount(type.shape), 0);

describe.each(allocators.map(({ name }) => name))("%s", (name) => {
  test.each(["macs=0.6", "weights=120", "ratio=0.4"])("meets %s, and is what it says", async (budget) => {
    const graph = copyGraph(net);
    const [pruned] = await run(
      graph,
      `prune-channels{allocate=${name}, criterion=l2, ${budget}, multiple=2}, remove-channels`,
      samples,
    );
    const [summary] = pruned!.findings;
    expect(macs(graph)).toBe(summary!["macs"]);
    expect(weights(graph)).toBe(summary!["weightBytes"]);
    if (budget.startsWith("macs")) expect(macs(graph)).toBeLessThanOrEqual(0.6 * macs(net));
    if (budget.startsWith("weights")) expect(weights(graph)).toBeLessThanOrEqual(120);
    if (budget.startsWith("ratio")) expect(pruned!.statistics["masked"]).toBeGreaterThanOrEqual(6);
    for (const { channels } of dependencyGroups(graph)) expect(channels.length % 2).toBe(0);
  });

  test("does not ask for more than the budget", async () => {
    const graph = copyGraph(net);
    await run(
      graph,
      `prune-channels{allocate=${name}, criterion=l2, macs=0.99, multiple=1}, remove-channels`,
      samples,
    );
    expect(macs(graph)).toBeGreaterThan(0.6 * macs(net));
  });
});

test.each([0.1, 0.3, 0.7, 0.8, 0.9])("a ratio of %s takes that of ten channels, no more", async (ratio) => {
  const random = createRandom(9);
  const ten = twoLayers(
    randomMatrix(random, 10, 4),
    Array.from({ length: 10 }, () => 0),
    randomMatrix(random, 2, 10),
  );
  const options = `allocate=uniform, criterion=l2, repair=none, multiple=1, ratio=${ratio}`;
  const [pruned] = await run(ten, `prune-channels{${options}}`, normalSamples(5, 4));
  expect(pruned!.statistics["masked"]).toBe(roundHalfAwayFromZero(10 * ratio));
});

test("the model of resources knows the whole", () => {
  const groups = dependencyGroups(net);
  const model = resourceModel(net, groups);
  expect(model(groups.map(() => 0))).toEqual({ macs: macs(net), weightBytes: weights(net), channels: 16 });
});

test("a second round goes on from the first", async () => {
  const graph = copyGraph(net);
  await run(
    graph,
    "prune-channels{criterion=l2, macs=0.8, multiple=1}, reconstruct, prune-channels{criterion=l2, macs=0.5, multiple=1}, reconstruct, remove-channels",
    samples,
  );
  expect(macs(graph)).toBeLessThanOrEqual(0.5 * macs(net));
});

test("options that make no sense are said", async () => {
  await expect(run(copyGraph(net), "prune-channels{criterion=l2}", samples)).rejects.toThrow(/no budget/);
  await expect(run(copyGraph(net), "prune-channels{ratio=1}", samples)).rejects.toThrow(/ratio is 1/);
  await expect(run(copyGraph(net), "prune-channels{ratio=0.5, multiple=0}", samples)).rejects.toThrow(
    /multiple is 0/,
  );
});
