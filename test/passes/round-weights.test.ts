/** Rounded weights: results come closer to the real network's, also on samples nothing was made from, or nothing changes. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { measuringExecutor } from "../../src/driver/engines.ts";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext, type PassContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays, type SampleSource } from "../../src/pass/samples.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { printGraph } from "../../src/text/print.ts";

const random = createRandom(21);
const uniform = (): number => 2 * random.uniform() - 1;
const list = (count: number): string => Array.from({ length: count }, () => uniform().toFixed(4)).join(", ");
const weights = (shape: readonly number[]): string =>
  shape.length === 1
    ? `[${list(shape[0]!)}]`
    : `[${Array.from({ length: shape[0]! }, () => weights(shape.slice(1))).join(", ")}]`;
const constant = (name: string, shape: readonly number[]): string =>
  `%${name} = constant {value = dense<${weights(shape)}>} : tensor<${shape.join("x")}xf32>`;

/** A convolution, a depthwise one, one without bias beside it, and a fully connected layer. */
const text = `graph @net(%x: tensor<1x6x6x3xf32>) {
  ${constant("w0", [8, 3, 3, 3])}
  ${constant("b0", [8])}
  %l0 = conv2d %x, %w0, %b0 {pads = [1, 1, 1, 1]} : tensor<1x6x6x8xf32>
  %r0 = relu %l0 : tensor<1x6x6x8xf32>
  ${constant("w1", [8, 3, 3, 1])}
  ${constant("b1", [8])}
  %l1 = conv2d %r0, %w1, %b1 {groups = 8, pads = [1, 1, 1, 1]} : tensor<1x6x6x8xf32>
  %r1 = relu %l1 : tensor<1x6x6x8xf32>
  ${constant("w2", [8, 1, 1, 8])}
  %l2 = conv2d %r0, %w2 : tensor<1x6x6x8xf32>
  %s = add %r1, %l2 : tensor<1x6x6x8xf32>
  %m = reduce_mean %s {axes = [1, 2], keepdims = false} : tensor<1x8xf32>
  ${constant("w3", [4, 8])}
  ${constant("b3", [4])}
  %y = linear %m, %w3, %b3 : tensor<1x4xf32>
  return %y
}`;
const net = (): Graph => parseGraph(text, { file: "net.qir" });

/** Images that are mixtures of four, so that pixels go together. */
function images(count: number): SampleSource {
  const sources = Array.from({ length: 4 }, () => Array.from({ length: 108 }, uniform));
  const values = Array.from({ length: count }, () => {
    const mixture = sources.map(uniform);
    return Array.from({ length: 108 }, (__, i) =>
      sources.reduce((sum, source, s) => sum + mixture[s]! * source[i]!, 0.05 * uniform()),
    );
  });
  const stacked = tensor("f32", [count, 6, 6, 3], Float32Array.from(values.flat()));
  return samplesFromArrays([stacked], [[1, 6, 6, 3]]);
}
const seen = images(100);

const run = async (graph: Graph, pipeline: string, parts: Partial<PassContext> = {}): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples: seen, ...parts }),
  );
const quantized = (bits: number, options = ""): string =>
  `calibrate{method=minmax}, insert-fake-quantization{bits=${bits}${options}}`;

function squaredError(graph: Graph, samples: SampleSource): number {
  const [real, fake] = [createInterpreter(net()), createInterpreter(graph)];
  let sum = 0;
  for (const sample of samples.batches()) {
    const [wanted, found] = [real, fake].map((executor) => numbersOf(executor.run(sample)[0]!));
    wanted!.forEach((x: number, i: number) => (sum += (x - found![i]!) ** 2));
  }
  return sum;
}

describe.each(["channel", "tensor"])("scales by %s", (weightScales) => {
  test.each([2, 3, 4])(
    "%i bits: closer than with corrected biases alone, on held-out samples",
    async (bits) => {
      const [plain, rounded] = [net(), net()];
      const begin = quantized(bits, `, weights=${weightScales}`);
      await run(plain, `${begin}, correct-bias`);
      const records = await run(rounded, `${begin}, round-weights`);
      const { statistics, findings } = records.at(-1)!;
      expect(statistics["withdrawn"]).toBeUndefined();
      expect(findings[0]).toMatchObject({ summary: "kept" });
      expect(findings).toHaveLength(5);
      // A layer keeps the best of its candidates on samples held out: never worse than its nearest levels.
      for (const finding of findings.slice(1))
        expect(finding[`${String(finding["aim"])} dB`]).toBeGreaterThanOrEqual(
          finding["nearest dB"] as number,
        );
      const heldOut = [...seen.batches()].filter((_, n) => n % 5 === 4);
      const source = { ...seen, count: heldOut.length, batches: () => heldOut };
      expect(squaredError(rounded, source)).toBeLessThan(squaredError(plain, source));
      const unchanged = (graph: Graph): (readonly number[])[] =>
        graph.values
          .filter(
            ({ type }) => type.element !== "i8" && type.shape.length === 4 && type.quantization !== undefined,
          )
          .map(({ type }) => type.quantization!.scale);
      if (weightScales === "tensor") expect(unchanged(rounded)).toEqual(unchanged(plain));
    },
  );
});

test("a graph that goes on to integers", async () => {
  const graph = net();
  await run(
    graph,
    `${quantized(4)}, round-weights, correct-bias, requantize, check-integer-only, bound-accumulators`,
  );
  expect(graph.values.every(({ type }) => type.element !== "f32")).toBe(true);
});

test("compiled WebAssembly rounds to the same integers", async () => {
  const [interpreted, compiled] = [net(), net()];
  await run(interpreted, `${quantized(3)}, round-weights`);
  await run(compiled, `${quantized(3)}, round-weights`, { executor: measuringExecutor });
  expect(printGraph(compiled)).toBe(printGraph(interpreted));
});

test("does nothing where all layers have more bits than it is told", async () => {
  const [graph, before] = [net(), net()];
  const records = await run(graph, `${quantized(8)}, round-weights`);
  await run(before, quantized(8));
  expect(records.at(-1)!.statistics).toEqual({});
  expect(printGraph(graph)).toBe(printGraph(before));
  expect((await run(net(), `${quantized(8)}, round-weights{bits=8}`)).at(-1)!.findings).not.toEqual([]);
});

test("withdraws where there is nothing to gain", async () => {
  // Two bits hold -1, 0 and 1 exactly.
  const exact = text.replaceAll(/-?\d\.\d{4}/g, (number) => String(Math.round(Number(number))));
  const [graph, before] = [exact, exact].map((each) => parseGraph(each, { file: "net.qir" }));
  const begin = quantized(2, ", levels=integers");
  const records = await run(graph!, `${begin}, round-weights{aim=weights}`);
  await run(before!, begin);
  const [summary] = records.at(-1)!.findings;
  expect(summary!["after dB"]).toBe(summary!["before dB"]);
  expect(records.at(-1)!.statistics).toEqual({ withdrawn: 4 });
  expect(printGraph(graph!)).toBe(printGraph(before!));
});

test("needs samples and the real network of the same run", async () => {
  const graph = net();
  await run(graph, quantized(4));
  await expect(run(graph, "round-weights")).rejects.toMatchObject({
    diagnostics: [{ code: "no-real-graph" }],
  });
});

test("what is pruned stays zero, beside layers that are rounded", async () => {
  const graph = net();
  const pipeline = `prune-weights{ratio=0.3, keep=ends}, ${quantized(4)}, round-weights`;
  const records = await run(graph, pipeline);
  const { statistics } = records.at(-1)!;
  expect(Object.values(statistics).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
  const masked = graph.values.filter((value) => value.type.element === "i4" && maskOf(value) !== undefined);
  expect(masked.length).toBeGreaterThan(0);
  for (const value of masked) {
    const shown = numbersOf(constantOf(value)!);
    maskOf(value)!.data.forEach((kept: number | bigint, i: number) => {
      if (kept === 0) expect(shown[i]).toBe(0);
    });
  }
});
