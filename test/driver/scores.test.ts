import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/driver/evaluate.ts";
import { addToGroups, areaUnderCurve, correlation, newGroupMeans } from "../../src/driver/scores.ts";
import { npyFromBytes } from "../../src/driver/npy-file.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";

describe("area under the curve", () => {
  test.each([
    [[1, 2, 3, 4], [0, 0, 1, 1], 1],
    [[1, 2, 3, 4], [1, 1, 0, 0], 0],
    [[1, 1, 1, 1], [0, 1, 0, 1], 0.5],
    // Pairs of (3, 2) with (1, 2, 3): 2½ and 1½ won of 3 each.
    [[1, 2, 3, 3, 2], [0, 0, 0, 1, 1], 4 / 6],
  ])("of %j labelled %j is %d", (scores, labels, expected) => {
    expect(areaUnderCurve(scores, labels).value).toBeCloseTo(expected, 12);
  });
  test("its interval is DeLong's", () => {
    // Ten of each. Placements: positives 1, 1/2, 1/2, squares about their mean 1/6; negatives 1, 1/3, squares 2/9.
    const ten = (numbers: number[]): number[] => numbers.flatMap((x) => new Array<number>(10).fill(x));
    const found = areaUnderCurve(ten([1, 4, 5, 2, 3]), ten([0, 0, 1, 1, 1]));
    expect([found.positives, found.negatives]).toEqual([30, 20]);
    expect(found.value).toBeCloseTo(4 / 6, 12);
    const half = 1.959963984540054 * Math.sqrt(10 / 6 / 29 / 30 + 20 / 9 / 19 / 20);
    expect(found.interval[0]).toBeCloseTo(4 / 6 - half, 12);
    expect(found.interval[1]).toBeCloseTo(4 / 6 + half, 12);
    expect(areaUnderCurve([1, 2], [0, 1]).interval).toEqual([0, 1]);
  });
});

test("correlation", () => {
  expect(correlation([1, 2, 3], [10, 20, 30])).toBeCloseTo(1, 12);
  expect(correlation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  expect(correlation([0, 1, 0, 1], [0, 0, 1, 1])).toBe(0);
});

test("groups of consecutive numbers", () => {
  const groups = newGroupMeans(2);
  for (const x of [1, 3, 10, 20, 7]) addToGroups(groups, x);
  expect(groups.means).toEqual([2, 15]);
});

describe("mse-auc", () => {
  // Reproduces what is positive: the error of a window is the mean square of its negative numbers.
  const graph = () =>
    parseGraph("graph @f(%x: tensor<1x4xf32>) {\n  %y = relu %x : tensor<1x4xf32>\n  return %y\n}\n");
  const rows = [
    [1, 2, 3, 4, 5, 6],
    [-1, -1, 1, 1, -1, -1],
    [-2, 0, 0, 0, 0, -2],
  ];
  const file = npyFromBytes(writeNpy(tensor("f32", [3, 3, 2], rows.flat())), "x.npy");
  const samples = (limit?: number) =>
    openSamples([file], graph().inputs, {
      window: { frames: 2, hop: 1 },
      ...(limit === undefined ? {} : { limit }),
    });
  const options = {
    graph: graph(),
    engines: ["interpreter", "wasm-simd"] as const,
    metric: "mse-auc" as const,
    group: 2,
  };

  test("scores recordings by their windows", async () => {
    const labels = tensor("u8", [3], [0, 1, 1]);
    const result = await evaluate({ ...options, samples: samples(), labels, reference: { graph: graph() } });
    expect([result.samples, result.recordings]).toEqual([6, 3]);
    for (const { scores, auc, scoreCorrelation, top1 } of result.engines) {
      expect(scores).toEqual([0, 0.5, 1]);
      expect(auc!.value).toBe(1);
      expect(scoreCorrelation).toBeCloseTo(1, 12);
      expect(top1).toBe(undefined);
    }
    expect(result.byteEquality!.equal).toBe(true);
  });
  test.each([
    [{ group: 4 }, "6 samples cannot be put into groups of 4"],
    [{ labels: tensor("u8", [2], [0, 1]) }, "2 labels for 3 recordings"],
    [{ labels: tensor("u8", [3], [0, 0, 0]) }, "all labels are 0"],
    [{ labels: tensor("u8", [3], [0, 1, 2]) }, "label 2 is 2, expected 0 to 1"],
  ])("%o is refused", async (more, message) => {
    await expect(evaluate({ ...options, samples: samples(), ...more })).rejects.toThrow(message);
  });
  test("is for networks that reproduce their input", async () => {
    const sum = parseGraph(
      "graph @f(%x: tensor<1x4xf32>) {\n  %y = reduce_sum %x {axes = [1], keepdims = true} : tensor<1x1xf32>\n  return %y\n}\n",
    );
    await expect(evaluate({ ...options, graph: sum, samples: samples() })).rejects.toThrow("error[metric]");
  });
  test("windows overlap, flattened; a limit counts rows", () => {
    const read = (limit?: number) => [...samples(limit).batches()].map(([x]) => Array.from(x!.data, Number));
    expect(read(1)).toEqual([
      [1, 2, 3, 4],
      [3, 4, 5, 6],
    ]);
    expect(read()).toHaveLength(6);
    expect(read()[5]).toEqual([0, 0, 0, -2]);
    const hop = { frames: 1, hop: 2 };
    const wide = [{ name: "x", type: { shape: [1, 1, 2] } }];
    const hopping = [...openSamples([file], wide, { window: hop }).batches()].map(([x]) =>
      Array.from(x!.data, Number),
    );
    expect(hopping[1]).toEqual([5, 6]);
    expect(hopping).toHaveLength(6);
    expect(() => openSamples([file], graph().inputs, { window: { frames: 4, hop: 1 } })).toThrow(
      "sample-window",
    );
    expect(() => openSamples([file], graph().inputs, { window: { frames: 2, hop: 0 } })).toThrow(
      "sample-window",
    );
    expect(() => openSamples([file], graph().inputs, { window: { frames: 3, hop: 1 } })).toThrow(
      "sample-shape",
    );
  });
});
