/** What a clamp cuts away is no error, and every output chooses for itself. */
import { expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { judgeRoundings } from "../../passes/quantize/judge-roundings.ts";
import { pairLayers } from "../../passes/quantize/paired-layers.ts";
import { mergeRoundings, type LayerRounding } from "../../passes/quantize/round-layer.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const net = (clamps: string, last: string): string => `graph @net(%x: tensor<1x1xf32>) {
  %w = constant {value = dense<[[1.0], [-1.0]]>} : tensor<2x1xf32>
  %b = constant {value = dense<[0.0, 0.0]>} : tensor<2xf32>
  %l = linear %x, %w, %b : tensor<1x2xf32>
  ${clamps}
  return %${last}
}`;

async function pairOf(text: string): Promise<ReturnType<typeof pairLayers>[number]> {
  const graph = parseGraph(text, { file: "net.qir" });
  const samples = samplesFromArrays([tensor("f32", [2, 1], [-4, 4])], [[1, 1]]);
  const context = createContext({ executor: interpreterFactory, samples });
  const pipeline = "calibrate{method=minmax}, insert-fake-quantization";
  await runPipeline(graph, parsePipeline(pipeline), passes, context);
  return pairLayers(graph, context.snapshots.get("real")!)[0]!;
}
const rounding = (integers: readonly number[]): LayerRounding => ({
  integers: Int32Array.from(integers),
  scales: Float64Array.of(1, 1),
  bias: Float64Array.of(0, 0),
});
const row = (x: number): [ReturnType<typeof tensor>, ReturnType<typeof tensor>] => [
  tensor("f32", [1, 1], [x]),
  tensor("f32", [1, 1], [x]),
];

test.each([
  ["nothing", "", "l", [-Infinity, Infinity]],
  ["relu", "%r = relu %l : tensor<1x2xf32>", "r", [0, Infinity]],
  [
    "two clamps",
    "%r = relu %l : tensor<1x2xf32>\n  %c = clip %r {min = -1.0, max = 3.0} : tensor<1x2xf32>",
    "c",
    [0, 3],
  ],
] as const)("the bounds of %s", async (_, clamps, last, [low, high]) => {
  expect((await pairOf(net(clamps, last))).bounds).toEqual({ low, high });
});

test("an error beyond the clamp counts nothing", async () => {
  const candidates = [rounding([2, -2]), rounding([1, -1])];
  // Only the first output is above zero there, only the second below.
  const held = [row(4)];
  const plain = judgeRoundings(await pairOf(net("", "l")), candidates, held);
  expect(plain.chosen).toEqual([1, 1]);
  const clamped = judgeRoundings(
    await pairOf(net("%r = relu %l : tensor<1x2xf32>", "r")),
    [rounding([1, -9]), rounding([2, -1])],
    held,
  );
  expect(clamped.chosen).toEqual([0, 0]);
  expect(clamped.noise[0]).toBe(0);
  expect(clamped.noise[1]).toBeGreaterThan(0);
});

test("outputs choose for themselves", async () => {
  const candidates = [rounding([1, -3]), rounding([3, -1])];
  const held = [row(4), row(-4)];
  const { chosen, chosenNoise, noise } = judgeRoundings(await pairOf(net("", "l")), candidates, held);
  expect(chosen).toEqual([0, 1]);
  expect(chosenNoise).toBe(0);
  expect(noise.every((share) => share > 0)).toBe(true);
  expect([...mergeRoundings(candidates, chosen).integers]).toEqual([1, -1]);
});
