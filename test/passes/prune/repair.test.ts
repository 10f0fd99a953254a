/** Repair in closed form and by least squares: exact where the kept channels say all. */
import { describe, expect, test } from "vitest";
import { createInterpreter } from "../../../src/exec/interpreter.ts";
import type { Graph } from "../../../src/ir/graph.ts";
import { copyGraph } from "../../../src/ir/copy-graph.ts";
import { maskOf } from "../../../src/ops/constant.ts";
import { createRandom } from "../../../src/pass/random.ts";
import { numbersOf } from "../../../src/tensor/tensor.ts";
import { parseGraph } from "../../../src/text/parse.ts";
import { normalSamples, randomMatrix, run, shortcutAndBranch, twoLayers } from "./networks.ts";

const inputs = 5;
const samples = normalSamples(100, inputs);
const random = createRandom(2);
const first = randomMatrix(random, 6, inputs);
const bias = [0.1, 0.4, -0.2, 0.3, 0.2, 0.1];
const second = randomMatrix(random, 3, 6);

/** The largest difference of the first outputs, over those outputs themselves. */
function distance(a: Graph, b: Graph, over = samples): number {
  const [left, right] = [createInterpreter(a), createInterpreter(b)];
  let [error, size] = [0, 0];
  for (const sample of over.batches()) {
    const [x, y] = [numbersOf(left.run(sample)[0]!), numbersOf(right.run(sample)[0]!)];
    x.forEach((value: number, i: number) => {
      error = Math.max(error, Math.abs(value - y[i]!));
      size = Math.max(size, Math.abs(value));
    });
  }
  return error / size;
}

const pruned = async (graph: Graph, options: string, then = ""): Promise<Graph> => {
  const copy = copyGraph(graph);
  await run(copy, `prune-channels{allocate=uniform, multiple=1, ${options}}${then}`, samples);
  return copy;
};

/** Channel 5 is channel 1, half as large. */
const twins = twoLayers(
  first.with(
    5,
    first[1]!.map((w) => w / 2),
  ),
  bias.with(5, bias[1]! / 2),
  second,
);

test.each(["reuse", "least-squares"])("%s makes up for a channel that another one is", async (repair) => {
  const graph = await pruned(twins, `criterion=second-order, ratio=0.16, repair=${repair}`);
  expect(distance(twins, graph)).toBeLessThan(0.01);
  const without = await pruned(twins, "criterion=second-order, ratio=0.16, repair=none");
  expect(distance(twins, without)).toBeGreaterThan(0.05);
});

test("means make up for a constant channel exactly", async () => {
  const graph = twoLayers(
    first.with(
      2,
      first[2]!.map(() => 0),
    ),
    bias.with(2, 0.7),
    second,
  );
  const options = "criterion=output-variance, ratio=0.16";
  expect(distance(graph, await pruned(graph, `${options}, repair=means`))).toBeLessThan(1e-6);
  expect(distance(graph, await pruned(graph, `${options}, repair=none`))).toBeGreaterThan(0.01);
});

test("the pruned network is the smaller one, bit for bit", async () => {
  const masked = await pruned(twins, "criterion=l1, ratio=0.5");
  const removed = await pruned(twins, "criterion=l1, ratio=0.5", ", remove-channels");
  expect(removed.values.find(({ name }) => name === "r")!.type.shape).toEqual([1, 3]);
  const [a, b] = [createInterpreter(masked), createInterpreter(removed)];
  for (const sample of samples.batches()) expect(b.run(sample)[0]!.data).toEqual(a.run(sample)[0]!.data);
});

test("reconstruction comes closer than the closed form, and keeps masks", async () => {
  const deep = await pruned(twins, "criterion=random, ratio=0.5, repair=none");
  const before = distance(twins, deep);
  const copy = copyGraph(twins);
  const records = await run(
    copy,
    "prune-channels{allocate=uniform, multiple=1, criterion=random, ratio=0.5, repair=none}, reconstruct",
    samples,
  );
  expect(distance(twins, copy)).toBeLessThan(before);
  expect(records[1]!.findings[0]!["summary"]).toBe("kept");
  const weights = copy.values.find(({ name }) => name === "v")!;
  const mask = maskOf(weights)!;
  const shown = numbersOf(weights.producer!.definition.value!(weights.producer!.attributes));
  mask.data.forEach((kept: number | bigint, i: number) => {
    if (kept === 0) expect(shown[i]).toBe(0);
  });
});

test("a second round is judged by the network before the first", async () => {
  const options = "allocate=uniform, multiple=1, criterion=l1, repair=none";
  const records = await run(
    copyGraph(twins),
    `prune-channels{${options}, ratio=0.5, portion=0.5}, prune-channels{${options}, ratio=0.5}`,
    samples,
  );
  const atOnce = await run(copyGraph(twins), `prune-channels{${options}, ratio=0.5}`, samples);
  expect(records[1]!.findings[0]).toEqual(atOnce[0]!.findings[0]);
  expect(records[0]!.findings[0]!["macs"]).toBeGreaterThan(Number(records[1]!.findings[0]!["macs"]));
});

describe("of two prunings the closer one is kept", () => {
  const good = "prune-channels{allocate=uniform, multiple=1, criterion=second-order, ratio=0.16}";
  const bad =
    "prune-channels{allocate=uniform, multiple=1, criterion=random, seed=3, ratio=0.16, repair=none}";
  const constants = (graph: Graph): unknown => graph.values.map(({ producer }) => producer?.attributes);

  test.each([
    [good, bad, "the first one"],
    [bad, good, "the second one"],
  ])("%s, set-aside, %s", async (first, second, kept) => {
    const graph = copyGraph(twins);
    const records = await run(graph, `${first}, set-aside, ${second}, keep-closest`, samples);
    const alone = copyGraph(twins);
    await run(alone, good, samples);
    expect(constants(graph)).toEqual(constants(alone));
    const [finding, group] = records.at(-1)!.findings;
    expect(finding).toMatchObject({ summary: kept, macs: 40, "of macs": 48 });
    expect(finding!["held out dB"]).toBeGreaterThan(Number(finding!["other dB"]));
    expect(group).toMatchObject({ channels: 6, kept: 5 });
  });

  test("there must be two, of the same shapes", async () => {
    const of = (pipeline: string): Promise<unknown> => run(copyGraph(twins), pipeline, samples);
    await expect(of("set-aside")).rejects.toThrow("no unpruned network");
    await expect(of(`${good}, keep-closest`)).rejects.toThrow("no other pruning");
    await expect(of(`${good}, set-aside, keep-closest`)).rejects.toThrow("two prunings of different size");
    await expect(of(`${good}, remove-channels, set-aside`)).rejects.toThrow(
      "has no counterpart of its shape",
    );
  });
});

test("a branch makes up for what its shortcut lost", async () => {
  const [down, up] = [randomMatrix(random, 8, inputs), randomMatrix(random, 4, 8)];
  const graph = shortcutAndBranch(down, up, randomMatrix(random, 4, inputs), randomMatrix(random, 3, 4));
  // Of five numbers the shortcut passes on four; the branch sees all five.
  const copy = copyGraph(graph);
  await run(copy, "prune-channels{allocate=uniform, criterion=l1, macs=0.8}", samples);
  expect(distance(graph, copy)).toBeGreaterThan(0.05);
  const fitted = copyGraph(graph);
  await run(
    fitted,
    "prune-channels{allocate=uniform, criterion=l1, macs=0.8}, reconstruct{damping=0}",
    samples,
  );
  expect(distance(graph, fitted)).toBeLessThan(1e-4);
});

test("reconstruction wants the unpruned network, in its shapes", async () => {
  await expect(run(copyGraph(twins), "reconstruct", samples)).rejects.toThrow(/no unpruned network/);
  await expect(pruned(twins, "criterion=l1, ratio=0.5", ", remove-channels, reconstruct")).rejects.toThrow(
    /no counterpart of its shape/,
  );
});

test("masks of single weights are fitted too", async () => {
  const masked = copyGraph(twins);
  await run(masked, "prune-weights{ratio=0.4, keep=none}", samples);
  const fitted = copyGraph(twins);
  await run(fitted, "prune-weights{ratio=0.4, keep=none}, reconstruct", samples);
  expect(distance(twins, fitted)).toBeLessThan(distance(twins, masked));
});

test("a bias that another layer shares stays as it is", async () => {
  const graph = parseGraph(
    `graph @net(%x: tensor<1x2xf32>) {
  %w = constant {value = dense<[[1, 0], [0, 1], [1, 1], [1, -1]]>} : tensor<4x2xf32>
  %b = constant {value = dense<[1, 2, 3, 4]>} : tensor<4xf32>
  %h = linear %x, %w, %b : tensor<1x4xf32>
  %v = constant {value = dense<[[1, 2, 3, 4]]>} : tensor<1x4xf32>
  %c = constant {value = dense<[5]>} : tensor<1xf32>
  %y = linear %h, %v, %c : tensor<1x1xf32>
  %u = constant {value = dense<[[1, 2]]>} : tensor<1x2xf32>
  %z = linear %x, %u, %c : tensor<1x1xf32>
  return %z, %y
}`,
    { file: "net.qir" },
  );
  const two = normalSamples(100, 2);
  const copy = copyGraph(graph);
  await run(copy, "prune-channels{allocate=uniform, ratio=0.5, multiple=1}", two);
  expect(distance(graph, copy, two)).toBe(0);
});
