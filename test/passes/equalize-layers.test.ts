/** Equalized layers: the same real network, equal ranges, and a gain for one scale a layer. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { printGraph } from "../../src/text/print.ts";

const random = createRandom(3);
const uniform = (): number => 2 * random.uniform() - 1;
const nested = (
  shape: readonly number[],
  of: (place: readonly number[]) => number,
  at: number[] = [],
): string =>
  at.length === shape.length
    ? of(at).toFixed(5)
    : `[${Array.from({ length: shape[at.length]! }, (_, i) => nested(shape, of, [...at, i])).join(", ")}]`;
/** Channels that differ by a factor of a hundred; what reads them makes up for it. */
const spread = (channel: number): number => [10, 0.1, 3, 0.3, 1, 0.2][channel % 6]!;
const weights = (
  shape: readonly number[],
  of = (place: readonly number[]): number => uniform() * spread(place[0]!),
): string => `constant {value = dense<${nested(shape, of)}>} : tensor<${shape.join("x")}xf32>`;

const text = (activation: string): string => `graph @net(%x: tensor<1x5x5x2xf32>) {
  %w0 = ${weights([6, 3, 3, 2])}
  %b0 = ${weights([6])}
  %l0 = conv2d %x, %w0, %b0 {pads = [1, 1, 1, 1]} : tensor<1x5x5x6xf32>
  %r0 = ${activation.replace("?", "%l0")} : tensor<1x5x5x6xf32>
  %w1 = ${weights([6, 3, 3, 1], () => uniform())}
  %b1 = ${weights([6])}
  %l1 = conv2d %r0, %w1, %b1 {groups = 6, pads = [1, 1, 1, 1]} : tensor<1x5x5x6xf32>
  %r1 = ${activation.replace("?", "%l1")} : tensor<1x5x5x6xf32>
  %w2 = ${weights([4, 1, 1, 6], (place) => uniform() / spread(place[3]!))}
  %y = conv2d %r1, %w2 : tensor<1x5x5x4xf32>
  return %y
}`;
const source = text("relu ?");
const net = (from = source): Graph => parseGraph(from, { file: "net.qir" });
const samples = samplesFromArrays(
  [tensor("f32", [30, 5, 5, 2], Float32Array.from({ length: 1500 }, uniform))],
  [[1, 5, 5, 2]],
);
const run = async (graph: Graph, pipeline: string): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples }),
  );
const weightsOf = (graph: Graph, name: string): number[] =>
  Array.from(numbersOf(constantOf(graph.values.find((value) => value.name === name))!));
const outputs = (graph: Graph): number[] => {
  const executor = createInterpreter(graph);
  return [...samples.batches()].flatMap((sample) => Array.from(numbersOf(executor.run(sample)[0]!)));
};

describe("equalize-layers", () => {
  test("the real network computes what it did, with channels of equal ranges", async () => {
    const graph = net();
    const [record] = await run(graph, "equalize-layers");
    expect(record!.statistics).toEqual({ equalized: 2 });
    const wanted = outputs(net());
    const largest = Math.max(...wanted.map(Math.abs));
    outputs(graph).forEach((y, i) => {
      expect(Math.abs(y - wanted[i]!)).toBeLessThan(1e-5 * largest);
    });
    const most = (numbers: readonly number[]): number => Math.max(...numbers.map(Math.abs));
    const [w0, w1, w2] = ["w0", "w1", "w2"].map((name) => weightsOf(graph, name));
    for (let c = 0; c < 6; c++) {
      const [r0, r1] = [most(w0!.slice(18 * c, 18 * c + 18)), most(w1!.slice(9 * c, 9 * c + 9))];
      const r2 = most([0, 1, 2, 3].map((o) => w2![6 * o + c]!));
      expect(r0 / r1).toBeCloseTo(1, 2);
      expect(r1 / r2).toBeCloseTo(1, 2);
    }
  });

  test("one scale a layer loses far less", async () => {
    const quantized = "calibrate{method=minmax}, insert-fake-quantization{weights=tensor}";
    const [plain, equalized] = [net(), net()];
    await run(plain, quantized);
    const [record] = await run(equalized, `equalize-layers, ${quantized}`);
    expect(record!.findings[0]).toMatchObject({ summary: "kept" });
    const wanted = outputs(net());
    const error = (graph: Graph): number =>
      outputs(graph).reduce((sum, y, i) => sum + (y - wanted[i]!) ** 2, 0);
    expect(error(equalized)).toBeLessThan(0.25 * error(plain));
  });

  test("a channel of a bias alone does not take all steps of the activation", async () => {
    const dead = source.replace(/%w0 = constant \{value = dense<\[(\[.*?\]\]\])/, (line, first: string) =>
      line.replace(first, first.replace(/-?\d+\.\d+/g, "1e-12")),
    );
    expect(dead).not.toBe(source);
    const graph = net(dead);
    await run(graph, "equalize-layers, calibrate{method=minmax}");
    const reachOf = (name: string): number => graph.values.find((value) => value.name === name)!.range!.max;
    const plain = net(dead);
    await run(plain, "calibrate{method=minmax}");
    const plainReach = plain.values.find(({ name }) => name === "r0")!.range!.max;
    expect(reachOf("r0")).toBeLessThan(10 * plainReach);
  });

  test("withdraws where nothing is gained", async () => {
    const graph = net();
    await run(graph, "equalize-layers");
    const before = printGraph(graph);
    const [record] = await run(graph, "equalize-layers");
    if (record!.statistics["withdrawn"] !== undefined) expect(printGraph(graph)).toBe(before);
    expect(Object.values(record!.statistics)).toEqual([2]);
  });

  test.each([
    ["a bound from above", text("clip ? {max = 6.0, min = 0.0}")],
    [
      "another reader",
      source.replace("%y = conv2d %r1", "%z = add %r0, %r1 : tensor<1x5x5x6xf32>\n  %y = conv2d %z"),
    ],
  ])("declines at %s", async (_, from) => {
    const graph = net(from);
    const before = printGraph(graph);
    expect((await run(graph, "equalize-layers"))[0]!.statistics).toEqual({});
    expect(printGraph(graph)).toBe(before);
  });
});
