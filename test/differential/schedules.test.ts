/**
 * Which schedule a layer gets. The engines agree whatever it is, so a schedule that quietly declined would only be slow: here it shows.
 */
import { expect, test } from "vitest";
import { wasmSimd } from "../../backends/wasm/targets.ts";
import { lowerToLoops } from "../../src/driver/lower.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { printProcedure } from "../../src/loops/print.ts";
import { convolution, type ConvolutionShape } from "./stored-graphs.ts";

/** The schedule of the last procedure, from the first line of its comment. */
function scheduleOf(graph: Graph): string {
  const { doc } = lowerToLoops(graph, wasmSimd).procedures.at(-1)!;
  return /\((\w+)\)$/m.exec(doc.split("\n")[0]!)?.[1] ?? doc;
}

const square = (shape: Partial<ConvolutionShape>): ConvolutionShape => ({
  height: 8,
  width: 8,
  inputs: 16,
  outputs: 16,
  kernel: [3, 3],
  ...shape,
});

test.each<[string, ConvolutionShape, string]>([
  ["3x3", square({}), "contraction"],
  ["3x3, padded", square({ pads: [1, 1, 1, 1] }), "contraction"],
  ["3x3, strided and padded on one side", square({ strides: [2, 2], pads: [0, 0, 1, 1] }), "contraction"],
  ["3x3, dilated", square({ dilations: [2, 2], pads: [2, 2, 2, 2] }), "contraction"],
  ["pointwise", square({ kernel: [1, 1] }), "contraction"],
  ["odd channels", square({ inputs: 3, outputs: 7 }), "contraction"],
  ["two groups", square({ groups: 2 }), "contraction"],
  ["depthwise", square({ groups: 16 }), "depthwise"],
  ["depthwise, padded", square({ groups: 16, pads: [1, 1, 1, 1] }), "depthwise"],
  ["depthwise, strided", square({ groups: 16, strides: [2, 2], pads: [1, 1, 1, 1] }), "depthwise"],
])("%s", (_, shape, schedule) => {
  expect(scheduleOf(convolution(shape, 1))).toBe(schedule);
});

test("rows of pixels merge into one, unless there is a border between them", () => {
  const loopsOf = (shape: Partial<ConvolutionShape>): string =>
    printProcedure(
      lowerToLoops(convolution(square({ height: 25, width: 5, ...shape }), 1), wasmSimd).procedures.at(-1)!,
    );
  expect(loopsOf({ kernel: [1, 1] })).not.toMatch(/for y/);
  expect(loopsOf({ pads: [1, 1, 1, 1] })).toMatch(/for y/);
});

test("neighbouring windows of a depthwise layer share loads and zips", () => {
  const graph = convolution(square({ width: 5, inputs: 8, outputs: 8, groups: 8, pads: [1, 1, 1, 1] }), 1);
  const text = printProcedure(lowerToLoops(graph, wasmSimd).procedures.at(-1)!);
  // Five windows of three columns: seven columns of three rows; seven pairs of the first two rows, four of the last, in two halves.
  expect(text.match(/ = load\.i16x8 x:staged/g)).toHaveLength(21);
  expect(text.match(/ = zip\./g)).toHaveLength(22);
});
