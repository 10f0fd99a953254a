/** Outliers moved into weights or split, constant parts moved into biases: the same real network, and a gain as integers, or nothing at all. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext, type PassContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { printGraph } from "../../src/text/print.ts";

const random = createRandom(12);
const uniform = (): number => 2 * random.uniform() - 1;
const rows = (count: number, columns: number, factor: (row: number, column: number) => number): string =>
  `[${Array.from({ length: count }, (_, r) => `[${Array.from({ length: columns }, (__, c) => (uniform() * factor(r, c)).toFixed(4)).join(", ")}]`).join(", ")}]`;

interface Shape {
  /** Of the first layer's channels, and, the other way round, of the second's columns. */
  readonly outlier?: number;
  readonly bias?: number;
  readonly between?: string;
}

/** The first of eight channels is as much larger as `outlier` says; all biases are about `bias`. */
function textOf({ outlier = 1, bias = 0, between = "relu %h" }: Shape): string {
  const biases = Array.from({ length: 8 }, () => (bias + 0.1 * uniform()).toFixed(4)).join(", ");
  return `graph @net(%x: tensor<1x6xf32>) {
  %w = constant {value = dense<${rows(8, 6, (r) => (r === 0 ? outlier : 1))}>} : tensor<8x6xf32>
  %b = constant {value = dense<[${biases}]>} : tensor<8xf32>
  %h = linear %x, %w, %b : tensor<1x8xf32>
  %r = ${between} : tensor<1x8xf32>
  %v = constant {value = dense<${rows(4, 8, (_, c) => (c === 0 ? 1 / outlier : 1))}>} : tensor<4x8xf32>
  %d = constant {value = dense<[0, 0.1, -0.1, 0.2]>} : tensor<4xf32>
  %y = linear %r, %v, %d : tensor<1x4xf32>
  return %y
}`;
}
const samples = samplesFromArrays(
  [tensor("f32", [60, 1, 6], Float32Array.from({ length: 360 }, uniform))],
  [[1, 6]],
);
const net = (text: string): Graph => parseGraph(text, { file: "net.qir" });
const run = async (graph: Graph, pipeline: string, parts: Partial<PassContext> = {}): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples, ...parts }),
  );
const outputsOf = (graph: Graph): number[] => {
  const executor = createInterpreter(graph);
  return [...samples.batches()].flatMap((sample) => Array.from(numbersOf(executor.run(sample)[0]!)));
};
const errorOf = (graph: Graph, wanted: readonly number[]): number =>
  outputsOf(graph).reduce((sum, y, i) => sum + (y - wanted[i]!) ** 2, 0);
/** Of each channel, over the samples that are not held out. */
const largestOf = (graph: Graph, name: string): number[] => {
  const most: number[] = [];
  for (const sample of fittedSamples(samples, Infinity))
    createInterpreter(graph).run(sample, (value, { data }) => {
      if (value === name) data.forEach((x, c) => (most[c] = Math.max(most[c] ?? 0, Math.abs(Number(x)))));
    });
  return most;
};
const integers = "calibrate{method=minmax}, insert-fake-quantization";

describe("smooth-activations", () => {
  const text = textOf({ outlier: 50 });

  test("the real network computes what it did; channels' ranges come together, and integers gain", async () => {
    const graph = net(text);
    const [record] = await run(graph, "smooth-activations");
    expect(record!.statistics).toEqual({ smoothed: 1 });
    const wanted = outputsOf(net(text));
    const size = Math.max(...wanted.map(Math.abs));
    outputsOf(graph).forEach((y, i) => {
      expect(Math.abs(y - wanted[i]!)).toBeLessThan(1e-5 * size);
    });
    const ratio = (of: Graph): number => {
      const most = largestOf(of, "r");
      return Math.max(...most) / Math.min(...most);
    };
    expect(ratio(graph)).toBeLessThan(ratio(net(text)) / 4);
    const plain = net(text);
    await run(plain, integers);
    await run(graph, integers);
    expect(errorOf(graph, wanted)).toBeLessThan(errorOf(plain, wanted) / 4);
  });

  test("strength 1 gives channels equal ranges, strength 0 columns equal weights", async () => {
    const [all, none] = [net(text), net(text)];
    await run(all, "smooth-activations{strength=1}");
    const most = largestOf(all, "r");
    for (const one of most) expect(one).toBeCloseTo(1, 1);
    await run(none, "smooth-activations{strength=0}");
    const v = numbersOf(constantOf(none.values.find(({ name }) => name === "v"))!);
    for (let c = 0; c < 8; c++)
      expect(Math.max(...[0, 1, 2, 3].map((o) => Math.abs(v[8 * o + c]!)))).toBeCloseTo(1, 4);
  });

  test.each([
    ["a bound from above", textOf({ outlier: 50, between: "clip %h {min = 0.0, max = 6.0}" })],
    ["a function that is not homogeneous", textOf({ outlier: 50, between: "tanh %h" })],
  ])("declines at %s", async (_, from) => {
    const graph = net(from);
    const before = printGraph(graph);
    expect((await run(graph, "smooth-activations"))[0]!.statistics).toEqual({});
    expect(printGraph(graph)).toBe(before);
  });

  test("withdraws where it would lose, and a strength there is not", async () => {
    const graph = net(text);
    await run(graph, "smooth-activations");
    const before = printGraph(graph);
    // All of the outlier goes back into the activations.
    const [record] = await run(graph, "smooth-activations{strength=0}");
    expect(record!.statistics).toEqual({ withdrawn: 1 });
    expect(record!.findings[0]!["summary"]).toContain("withdrawn");
    expect(printGraph(graph)).toBe(before);
    await expect(run(graph, "smooth-activations{strength=2}")).rejects.toMatchObject({
      diagnostics: [{ code: "option", message: "strength is 2, expected 0 to 1" }],
    });
  });
});

describe("absorb-bias", () => {
  const text = textOf({ bias: 30 });

  test("exact where nothing falls below what is taken out; ranges shrink, and integers gain", async () => {
    const graph = net(text);
    const [record] = await run(graph, "absorb-bias");
    expect(record!.statistics).toEqual({ absorbed: 8 });
    const wanted = outputsOf(net(text));
    const size = Math.max(...wanted.map(Math.abs));
    outputsOf(graph).forEach((y, i) => {
      expect(Math.abs(y - wanted[i]!)).toBeLessThan(1e-5 * size);
    });
    expect(Math.max(...largestOf(graph, "r"))).toBeLessThan(Math.max(...largestOf(net(text), "r")) / 3);
    const plain = net(text);
    await run(plain, integers);
    await run(graph, integers);
    expect(errorOf(graph, wanted)).toBeLessThan(errorOf(plain, wanted) / 4);
  });

  test("means of the samples, less as many deviations", async () => {
    const [few, many] = [net(text), net(text)];
    await run(few, "absorb-bias{deviations=0}");
    await run(many, "absorb-bias{deviations=3}");
    const biasesOf = (graph: Graph): ArrayLike<number> =>
      numbersOf(constantOf(graph.values.find(({ name }) => name === "b"))!);
    // With none a half of all values would be cut: it is withdrawn.
    expect(biasesOf(few)).toEqual(biasesOf(net(text)));
    for (let c = 0; c < 8; c++) expect(biasesOf(many)[c]).toBeLessThan(15);
  });

  const padded = `graph @net(%x: tensor<1x4x4x1xf32>) {
  %w = constant {value = dense<[[[[1.0]]]]>} : tensor<1x1x1x1xf32>
  %b = constant {value = dense<[50]>} : tensor<1xf32>
  %h = conv2d %x, %w, %b : tensor<1x4x4x1xf32>
  %r = relu %h : tensor<1x4x4x1xf32>
  %v = constant {value = dense<[[[[1.0], [1.0]]]]>} : tensor<1x1x2x1xf32>
  %y = conv2d %r, %v, %b {pads = [0, 1, 0, 0]} : tensor<1x4x4x1xf32>
  return %y
}`;
  const pixels = samplesFromArrays(
    [tensor("f32", [10, 4, 4, 1], Float32Array.from({ length: 160 }, uniform))],
    [[1, 4, 4, 1]],
  );
  test.each([
    ["nothing to take out", textOf({ bias: 0 }), samples],
    ["a bound from above", textOf({ bias: 30, between: "clip %h {min = 0.0, max = 60.0}" }), samples],
    ["a second layer without a bias", text.replace("%r, %v, %d", "%r, %v"), samples],
    ["a second layer that pads", padded, pixels],
  ])("declines at %s", async (_, from, given) => {
    const graph = net(from);
    const before = printGraph(graph);
    expect((await run(graph, "absorb-bias", { samples: given }))[0]!.statistics).toEqual({});
    expect(printGraph(graph)).toBe(before);
  });
});

describe("split-channels", () => {
  const text = textOf({ outlier: 50, bias: 0.5 });
  const shapesOf = (graph: Graph): (readonly number[])[] =>
    ["w", "b", "h", "r", "v"].map((name) => graph.values.find((value) => value.name === name)!.type.shape);

  test("the real network computes what it did; the widest channel shrinks, and integers gain", async () => {
    const graph = net(text);
    const [record] = await run(graph, "split-channels{share=1}");
    expect(record!.statistics).toEqual({ added: 8 });
    expect(shapesOf(graph)).toEqual([[16, 6], [16], [1, 16], [1, 16], [4, 16]]);
    const wanted = outputsOf(net(text));
    const size = Math.max(...wanted.map(Math.abs));
    outputsOf(graph).forEach((y, i) => {
      expect(Math.abs(y - wanted[i]!)).toBeLessThan(1e-5 * size);
    });
    expect(Math.max(...largestOf(graph, "r"))).toBeCloseTo(Math.max(...largestOf(net(text), "r")) / 9, 3);
    const plain = net(text);
    await run(plain, integers);
    await run(graph, integers);
    expect(errorOf(graph, wanted)).toBeLessThan(errorOf(plain, wanted) / 4);
  });

  test("a twentieth of the channels, one at least, unless told otherwise", async () => {
    const graph = net(text);
    const [record] = await run(graph, "split-channels");
    expect(record!.statistics).toEqual({ added: 1 });
    const finding = record!.findings[1]!;
    expect(finding).toMatchObject({ value: "r", channels: 8, added: 1 });
    expect(finding["split"]).toBeCloseTo(Number(finding["reach"]) / 2, 5);
  });

  const windows = (second: string): string => `graph @net(%x: tensor<1x3x3x1xf32>) {
  %w = constant {value = dense<[[[[9]]], [[[1]]]]>} : tensor<2x1x1x1xf32>
  %h = conv2d %x, %w : tensor<1x3x3x2xf32>
  %r = relu %h : tensor<1x3x3x2xf32>
  ${second}
  return %y
}`;
  const image = samplesFromArrays(
    [tensor("f32", [10, 3, 3, 1], Float32Array.from({ length: 90 }, uniform))],
    [[1, 3, 3, 1]],
  );
  test("windows, padding and no bias", async () => {
    // What the narrow channel says decides.
    const tap = (): number[] => [uniform(), 20 * uniform()].map((w) => Number(w.toFixed(3)));
    const kernel = [[0, 1, 2].map(() => [0, 1, 2].map(tap))];
    const second = `%v = constant {value = dense<${JSON.stringify(kernel)}>} : tensor<1x3x3x2xf32>
  %y = conv2d %r, %v {pads = [1, 1, 1, 1]} : tensor<1x3x3x1xf32>`;
    const [graph, before] = [net(windows(second)), net(windows(second))];
    expect((await run(graph, "split-channels", { samples: image }))[0]!.statistics).toEqual({ added: 1 });
    for (const sample of image.batches()) {
      const [wanted, found] = [before, graph].map((each) =>
        numbersOf(createInterpreter(each).run(sample)[0]!),
      );
      wanted!.forEach((y: number, i: number) => {
        expect(found![i]).toBeCloseTo(y, 4);
      });
    }
  });

  const shared = text
    .replace("linear %r, %v, %d", "linear %r, %v")
    .replace("return %y", "%z = linear %x, %w, %b : tensor<1x8xf32>\n  return %y, %z");
  const depthwise = windows(`%v = constant {value = dense<[[[[1]]], [[[2]]]]>} : tensor<2x1x1x1xf32>
  %y = conv2d %r, %v {groups = 2} : tensor<1x3x3x2xf32>`);
  test.each([
    ["a bound from above", textOf({ outlier: 50, between: "clip %h {min = 0.0, max = 6.0}" }), samples],
    ["a function that is not homogeneous", textOf({ outlier: 50, between: "tanh %h" }), samples],
    ["a layer whose constants another reads", shared, samples],
    ["a layer of groups", depthwise, image],
  ])("declines at %s", async (_, from, given) => {
    const graph = net(from);
    const before = printGraph(graph);
    expect((await run(graph, "split-channels", { samples: given }))[0]!.statistics).toEqual({});
    expect(printGraph(graph)).toBe(before);
  });

  test("leaves alone what gets hardly narrower, withdraws where nothing is gained, and knows its shares", async () => {
    const two = (rows: string): string => `graph @net(%x: tensor<1x1xf32>) {
  %w = constant {value = dense<${rows}>} : tensor<2x1xf32>
  %r = linear %x, %w : tensor<1x2xf32>
  %v = constant {value = dense<[[127, 127]]>} : tensor<1x2xf32>
  %y = linear %r, %v : tensor<1x1xf32>
  return %y
}`;
    // Multiples of the steps they get: integers are exact already.
    const exact = samplesFromArrays(
      [tensor("f32", [10, 1, 1], Float32Array.from([0, 255, 3, 4, 5, 0, 255, 8, 9, 10]))],
      [[1, 1]],
    );
    const alike = net(two("[[127], [-126]]"));
    expect((await run(alike, "split-channels", { samples: exact }))[0]!.statistics).toEqual({});
    const graph = net(two("[[127], [0]]"));
    const before = printGraph(graph);
    const [record] = await run(graph, "split-channels", { samples: exact });
    expect(record!.statistics).toEqual({ withdrawn: 1 });
    expect(record!.findings[0]!["summary"]).toContain("withdrawn");
    expect(printGraph(graph)).toBe(before);
    await expect(run(graph, "split-channels{share=0}")).rejects.toMatchObject({
      diagnostics: [{ code: "option", message: "share is 0, expected more than 0 and at most 1" }],
    });
  });
});
