/** What a clamp cuts away is no error. */
import { expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { noiseOfRoundings } from "../../passes/quantize/judge-roundings.ts";
import { pairLayers } from "../../passes/quantize/paired-layers.ts";
import type { LayerSample } from "../../passes/quantize/walk-layers.ts";
import type { LayerRounding } from "../../passes/quantize/round-layer.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { elementCount, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const net = (clamps: string, last: string): string => `graph @net(%x: tensor<1x1xf32>) {
  %w = constant {value = dense<[[1.0], [-1.0]]>} : tensor<2x1xf32>
  %b = constant {value = dense<[0.0, 0.0]>} : tensor<2xf32>
  %l = linear %x, %w, %b : tensor<1x2xf32>
  ${clamps}
  return %${last}
}`;

async function pairOf(
  text: string,
  name = "l",
  shape: readonly number[] = [1],
): Promise<ReturnType<typeof pairLayers>[number]> {
  const graph = parseGraph(text, { file: "net.qir" });
  const numbers = Float32Array.from({ length: 2 * elementCount(shape) }, (_, i) => (i % 2 === 0 ? -4 : 4));
  const samples = samplesFromArrays([tensor("f32", [2, ...shape], numbers)], [[1, ...shape]]);
  const context = createContext({ executor: interpreterFactory, samples });
  const pipeline = "calibrate{method=minmax}, insert-fake-quantization";
  await runPipeline(graph, parsePipeline(pipeline), passes, context);
  const pairs = pairLayers(graph, context.snapshots.get("real")!);
  return pairs.find((pair) => pair.name.startsWith(name))!;
}
const rounding = (integers: readonly number[]): LayerRounding => ({
  integers: Int32Array.from(integers),
  scales: Float64Array.of(1, 1),
  bias: Float64Array.of(0, 0),
});
const row = (x: number): LayerSample => ({
  input: tensor("f32", [1, 1], [x]),
  result: tensor("f32", [1, 2], [x, -x]),
});

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
  expect((await pairOf(net(clamps, last))).aim.bounds).toEqual({ low, high });
});

test("an error beyond the clamp counts nothing", async () => {
  const candidates = [rounding([1, -9]), rounding([2, -1])];
  // The first output is above zero there, the second below.
  const held = [row(4), row(2)];
  const plain = noiseOfRoundings(await pairOf(net("", "l")), candidates, held);
  expect(plain[0]).toBeGreaterThan(plain[1]!);
  const relu = "%r = relu %l : tensor<1x2xf32>";
  const clamped = noiseOfRoundings(await pairOf(net(relu, "r")), candidates, held);
  expect(clamped[0]).toBe(0);
  expect(clamped[1]).toBeGreaterThan(0);
});

test("at the end of a branch the sum counts, with the shortcut as it is now", async () => {
  const sum = "%s = add %m, %r0 : tensor<1x2xf32>\n%r = relu %s : tensor<1x2xf32>";
  const text = net(
    `%r0 = relu %l : tensor<1x2xf32>
  %v = constant {value = dense<[[2.0], [-2.0]]>} : tensor<2x1xf32>
  %c = constant {value = dense<[0.0, 0.0]>} : tensor<2xf32>
  %m = linear %x, %v, %c : tensor<1x2xf32>
  ${sum}`,
    "r",
  );
  const layer = await pairOf(text, "m");
  expect(layer.aim.target.name).toBe("s");
  expect(layer.aim.shortcut!.name).toBe("r0_fake");
  // The shortcut has become 8 and 1 where it was 4 and 0: 12 and what is below zero are wanted.
  const held: LayerSample[] = [
    {
      input: tensor("f32", [1, 1], [4]),
      result: tensor("f32", [1, 2], [8, -8]),
      sum: { target: tensor("f32", [1, 2], [12, -8]), shortcut: tensor("f32", [1, 2], [8, 1]) },
    },
  ];
  const [right, blind, cut] = noiseOfRoundings(
    layer,
    [rounding([1, -2]), rounding([2, -2]), rounding([1, -9])],
    held,
  );
  expect(right).toBe(0);
  expect(blind).toBeGreaterThan(0);
  expect(cut).toBe(0);
});

test("errors are told in squared results without their means, of every group", async () => {
  const layer = await pairOf(
    `graph @net(%x: tensor<1x1x2x2xf32>) {
  %w = constant {value = dense<[[[[1.0]]], [[[-1.0]]]]>} : tensor<2x1x1x1xf32>
  %b = constant {value = dense<[0.0, 0.0]>} : tensor<2xf32>
  %l = conv2d %x, %w, %b {groups = 2} : tensor<1x1x2x2xf32>
  return %l
}`,
    "l",
    [1, 2, 2],
  );
  // Two places: results 1, 3 and -10, -14, or 2 ± 1 and -12 ± 2. All are one too large, or exact.
  const held: LayerSample[] = [
    {
      input: tensor("f32", [1, 1, 2, 2], [1, 10, 3, 14]),
      result: tensor("f32", [1, 1, 2, 2], [1, -10, 3, -14]),
    },
  ];
  const off = { ...rounding([1, -1]), bias: Float64Array.of(1, 1) };
  expect(noiseOfRoundings(layer, [rounding([1, -1]), off], held)).toEqual([0, 4 / (2 * 1 + 2 * 4)]);
});
