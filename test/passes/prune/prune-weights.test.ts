/** Counts, groups, invariances and least squares: the oracles of algorithms.md 11.1 and 11.2. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { passes } from "../../../passes/index.ts";
import { choosePieces, keepLargest } from "../../../passes/prune/choose-pieces.ts";
import { bestPattern, patternDictionary } from "../../../passes/prune/kernel-patterns.ts";
import { surgeonFor } from "../../../passes/prune/optimal-brain-surgeon.ts";
import { cutWeights, membersOf } from "../../../passes/prune/weight-pieces.ts";
import { interpret, interpreterFactory } from "../../../src/exec/interpreter.ts";
import { Graph } from "../../../src/ir/graph.ts";
import { reconstruct } from "../../../src/numerics/least-squares.ts";
import { Moments } from "../../../src/numerics/moments.ts";
import { constant, maskOf } from "../../../src/ops/constant.ts";
import { conv2d } from "../../../src/ops/conv2d.ts";
import { linear } from "../../../src/ops/linear.ts";
import { runPipeline } from "../../../src/pass/manager.ts";
import { createContext } from "../../../src/pass/pass.ts";
import { createRandom } from "../../../src/pass/random.ts";
import { samplesFromArrays } from "../../../src/pass/samples.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { parsePipeline } from "../../../src/text/pipeline.ts";

const random = createRandom(5);
const noise = (shape: readonly number[], scale = 1): Tensor =>
  tensor(
    "f32",
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => scale * (2 * random.uniform() - 1)),
  );

const weightShapes = [
  [6, 3, 3, 2],
  [8, 3, 3, 6],
  [5, 1, 1, 8],
];

/** Convolutions of the shapes above, their weights scaled, and a linear layer of 4 x 20. */
function network(weights: readonly Tensor[]): Graph {
  const graph = new Graph("net");
  const stored = (name: string, value: Tensor) => graph.create(constant, {}, { value }, { name }).result;
  let x = graph.addInput("x", { element: "f32", shape: [1, 6, 6, 2] });
  weightShapes.forEach((_, i) => {
    x = graph.create(
      conv2d,
      { input: x, weight: stored(`w${i}`, weights[i]!) },
      {},
      { name: `h${i}` },
    ).result;
  });
  graph.setOutputs([x]);
  return graph;
}

const masksOf = (graph: Graph): number[][] =>
  graph.values
    .filter(({ name }) => name.startsWith("w"))
    .map((value) =>
      Array.from({ length: elementCount(value.type.shape) }, (_, i) => Number(maskOf(value)?.data[i] ?? 1)),
    );

const prune = async (graph: Graph, options: string, samples?: Tensor): Promise<number[][]> => {
  const source =
    samples &&
    samplesFromArrays(
      [samples],
      graph.inputs.map(({ type }) => type.shape),
    );
  const context = createContext({
    executor: interpreterFactory,
    ...(source === undefined ? {} : { samples: source }),
  });
  await runPipeline(graph, parsePipeline(`prune-weights{keep=none, ${options}}`), passes, context);
  return masksOf(graph);
};

const lost = (mask: readonly number[]): number => mask.filter((kept) => kept === 0).length;

describe("counts", () => {
  const weights = weightShapes.map((shape) => noise(shape));
  const sizes = weightShapes.map(elementCount);
  const total = sizes.reduce((sum, size) => sum + size, 0);

  test.each([0.1, 0.37, 0.5, 0.9])("%f of single weights, in each layer or of all", async (ratio) => {
    const local = await prune(network(weights), `ratio=${ratio}, scope=local`);
    expect(local.map(lost)).toEqual(sizes.map((size) => Math.floor(ratio * size + 0.5)));
    const global = await prune(network(weights), `ratio=${ratio}`);
    expect(lost(global.flat())).toBe(Math.floor(ratio * total + 0.5));
  });

  test("of one layer the smallest weights go", async () => {
    const [mask] = await prune(network(weights), "ratio=0.25, scope=local");
    const magnitudes = Array.from(numbersOf(weights[0]!), Math.abs);
    const largestLost = Math.max(...magnitudes.filter((_, i) => mask![i] === 0));
    expect(Math.min(...magnitudes.filter((_, i) => mask![i] === 1))).toBeGreaterThanOrEqual(largestLost);
  });

  test.each([
    ["blocks", 4],
    ["vectors", 3],
    ["kernels", 9],
  ] as const)("%s go whole, within one of them as many as were asked for", async (granularity, most) => {
    const masks = await prune(network(weights), `granularity=${granularity}, ratio=0.5, scope=local`);
    masks.forEach((mask, l) => {
      for (const members of membersOf(cutWeights(granularity, weightShapes[l]!, 4)))
        expect(new Set(members.map((at) => mask[at])).size).toBe(1);
      expect(Math.abs(lost(mask) - mask.length / 2)).toBeLessThanOrEqual(most / 2);
    });
  });

  test("masks are laid upon each other", async () => {
    const graph = network(weights);
    const first = await prune(graph, "ratio=0.3");
    const second = await prune(graph, "ratio=0.6");
    expect(lost(second.flat())).toBe(Math.floor(0.6 * total + 0.5));
    first.forEach((mask, l) => {
      mask.forEach((kept, i) => {
        expect(second[l]![i]).toBeLessThanOrEqual(kept);
      });
    });
  });
});

test("N of M: every group keeps its largest, groups of the end what there is", () => {
  const cases = fc.record({
    outputs: fc.integer({ min: 1, max: 4 }),
    depth: fc.integer({ min: 1, max: 19 }),
    m: fc.integer({ min: 1, max: 8 }),
    n: fc.integer({ min: 1, max: 8 }),
    seed: fc.nat(1000),
  });
  fc.assert(
    fc.property(cases, ({ outputs, depth, m, n, seed }) => {
      const draw = createRandom(seed);
      // Few values, so that there are ties.
      const scores = Float64Array.from({ length: outputs * depth }, () => Math.floor(draw.uniform() * 4));
      const kept = keepLargest(membersOf(cutWeights("groups", [outputs, depth], m)), scores, n);
      for (let o = 0; o < outputs; o++)
        for (let start = 0; start < depth; start += m) {
          const group = Array.from({ length: Math.min(m, depth - start) }, (_, i) => o * depth + start + i);
          const stay = group.filter((at) => kept[at] === 1);
          expect(stay).toHaveLength(Math.min(n, group.length));
          const least = Math.min(...stay.map((at) => scores[at]!));
          for (const at of group) if (kept[at] === 0) expect(scores[at]).toBeLessThanOrEqual(least);
        }
    }),
    { seed: 1, numRuns: 200 },
  );
});

describe("across layers", () => {
  test.each(["weights", "kernels", "blocks"])(
    "LAMP does not see the scale of a layer: %s",
    async (granularity) => {
      const weights = weightShapes.map((shape) => noise(shape));
      const scaled = weights.map((w, l) =>
        tensor("f32", w.shape, numbersOf(w).map((x) => x * [1, 64, 1 / 16][l]!) as Float32Array),
      );
      const options = `granularity=${granularity}, ratio=0.6`;
      expect(await prune(network(scaled), options)).toEqual(await prune(network(weights), options));
    },
  );

  test("no layer is emptied while another has more than one piece left", () => {
    const layers = [
      { scores: Float64Array.of(1e-12, 1e-13), sizes: [1, 1] },
      { scores: Float64Array.of(5, 6, 7, 8, 9, 10), sizes: [1, 1, 1, 1, 1, 1] },
    ];
    expect(choosePieces(layers, 0.75, "global").map((kept) => Array.from(kept))).toEqual([
      [1, 0],
      [0, 0, 0, 0, 0, 1],
    ]);
  });
});

test("patterns: the most frequent natural ones, each kernel taking the one that keeps most", () => {
  const kernels = [
    [9, 1, 1, 9],
    [8, 0, 1, 8],
    [1, 7, 7, 1],
    [5, 6, 0, 0],
  ];
  const dictionary = patternDictionary(kernels, 2, 2);
  expect(dictionary).toEqual([
    [0, 3],
    [0, 1],
  ]);
  expect(kernels.map((scores) => bestPattern(scores, dictionary))).toEqual([
    [0, 3],
    [0, 3],
    [0, 1],
    [0, 1],
  ]);
});

describe("second order", () => {
  const length = 7;
  const rows = Array.from({ length: 40 }, () => {
    const row = Array.from(numbersOf(noise([length])));
    row[1] = 0.9 * row[0]! + 0.1 * row[1]!;
    return row;
  });
  const moments = new Moments(length);
  for (const row of rows) moments.add(row);
  const weights = Array.from(numbersOf(noise([length])));
  const damping = 1e-9;
  const surgeon = surgeonFor(moments, damping);

  test.each([[[2]], [[0, 3]], [[0, 1, 2, 4, 6]]])(
    "losing %j is least squares on the inputs that remain",
    (gone) => {
      const kept = weights.map((_, i) => i).filter((i) => !gone.includes(i));
      const [cross, own] = [new Moments(length, kept.length), new Moments(kept.length)];
      for (const row of rows) {
        const rest = kept.map((k) => row[k]!);
        cross.add(row, rest);
        own.add(rest);
      }
      const prior = kept.map((k) => weights[k]!);
      const expected = reconstruct(weights, prior, cross, own, damping);
      const fitted = surgeon.fit(weights, gone);
      kept.forEach((k, i) => {
        expect(fitted[k]).toBeCloseTo(expected[i]!, 6);
      });
      for (const at of gone) expect(fitted[at]).toBe(0);
      const error = rows.reduce((sum, row) => {
        const difference = row.reduce((dot, x, i) => dot + x * (weights[i]! - fitted[i]!), 0);
        return sum + difference ** 2;
      }, 0);
      expect(surgeon.cost(weights, gone)).toBeCloseTo(error, 6);
    },
  );

  test("it keeps outputs closer than magnitude does", async () => {
    const inputs = tensor(
      "f32",
      [30, 4],
      Float32Array.from({ length: 120 }, (_, i) => (i % 4 === 0 ? 0.01 : 1) * (2 * random.uniform() - 1)),
    );
    const [large, small] = [noise([3, 4], 0.2), noise([3, 4])];
    const values = numbersOf(small).map((w, i) => (i % 4 === 0 ? 5 : w + (numbersOf(large)[i] ?? 0)));
    const build = (): Graph => {
      const graph = new Graph("net");
      const x = graph.addInput("x", { element: "f32", shape: [1, 4] });
      const weight = graph.create(
        constant,
        {},
        { value: tensor("f32", [3, 4], values) },
        { name: "w" },
      ).result;
      graph.setOutputs([graph.create(linear, { input: x, weight }, {}).result]);
      return graph;
    };
    const samples = Array.from({ length: 30 }, (_, n) =>
      tensor("f32", [1, 4], inputs.data.slice(4 * n, 4 * n + 4)),
    );
    const errorOf = (graph: Graph): number =>
      samples.reduce((sum, sample) => {
        const [found, wanted] = [graph, build()].map((g) =>
          Array.from(numbersOf(interpret(g, [sample])[0]!)),
        );
        return sum + wanted!.reduce((total, y, i) => total + (y - found![i]!) ** 2, 0);
      }, 0);
    const [byMagnitude, fitted] = [build(), build()];
    await prune(byMagnitude, "ratio=0.25");
    const [mask] = await prune(fitted, "ratio=0.25, criterion=obs", inputs);
    expect(lost(mask!)).toBe(3);
    expect(errorOf(fitted)).toBeLessThan(0.5 * errorOf(byMagnitude));
    // What is masked is what was there; the rest may have moved.
    const kept = fitted.operations[0]!.attributes["value"] as Tensor;
    mask!.forEach((keep, i) => {
      if (keep === 0) expect(numbersOf(kept)[i]).toBe(Math.fround(values[i]!));
    });
  });
});
