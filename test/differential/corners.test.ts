/** Where schedules and plans take more for granted than a graph promises: empty tensors, odd ends of memory, outputs nobody computes. */
import { describe, expect, test } from "vitest";
import { emitC } from "../../backends/c/emit.ts";
import { plainC } from "../../backends/c/targets.ts";
import { lowerToLoops } from "../../src/driver/lower.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { elementCount, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { expectAgreement } from "./engines.ts";
import { generator } from "./stored-graphs.ts";

/** The element's extremes, then noise over its whole range; floats of both signs. */
function inputs(graph: Graph): Tensor[][] {
  const random = generator(3);
  const noise = graph.inputs.map(({ type: { element, shape } }) => {
    const { min, max } = element === "f32" ? { min: -4, max: 4 } : elementRange(element);
    return tensor(
      element,
      shape,
      Array.from({ length: elementCount(shape) }, () => min + random(max - min + 1)),
    );
  });
  const extreme = graph.inputs.map(({ type: { element, shape } }) => {
    const { min, max } = element === "f32" ? { min: -1, max: 1 } : elementRange(element);
    return tensor(
      element,
      shape,
      Array.from({ length: elementCount(shape) }, (_, i) => (i % 3 === 0 ? min : max)),
    );
  });
  return [noise, extreme];
}

const ones = (shape: readonly number[], value = (i: number) => i % 7): string => {
  let i = 0;
  const list = ([extent, ...rest]: readonly number[]): string =>
    extent === undefined
      ? String(value(i++))
      : `[${Array.from({ length: extent }, () => list(rest)).join(", ")}]`;
  return `dense<${list(shape)}>`;
};

const halves = "multiplier = [1073741824], shift = [31], clamp = [-128, 127]";
const falling = "{0.5, 0.25, 0.125, 0.0625, 0.5}:0";
const ownShifts =
  "multiplier = [1073741824, 1073741824, 1073741824, 1073741824, 1073741824], shift = [31, 32, 33, 34, 31], clamp = [-128, 127]";

const cases: Readonly<Record<string, string>> = {
  "a shift for each of five channels: lanes past the last have none": `
    graph @net(%x: tensor<1x2x3x2xi8, 1:3>) {
      %w = constant {value = ${ones([5, 1, 1, 2])}} : tensor<5x1x1x2xi8, ${falling} @0>
      %a = conv2d %x, %w : tensor<1x2x3x5xi32, ${falling} @3>
      %y = requantize %a {${ownShifts}} : tensor<1x2x3x5xi8, 1:0>
      return %y
    }`,
  "the same, depthwise": `
    graph @net(%x: tensor<1x4x3x5xi8, 1:3>) {
      %w = constant {value = ${ones([5, 3, 3, 1])}} : tensor<5x3x3x1xi8, ${falling} @0>
      %a = conv2d %x, %w {pads = [1, 1, 1, 1], groups = 5} : tensor<1x4x3x5xi32, ${falling} @3>
      %y = requantize %a {${ownShifts}} : tensor<1x4x3x5xi8, 1:0>
      return %y
    }`,
  "an i16 input of odd depth ends where the arena ends": `
    graph @net(%x: tensor<3x7xi16, 1:0>) {
      %w = constant {value = ${ones([4, 7])}} : tensor<4x7xi8, 0.5:0>
      %a = linear %x, %w : tensor<3x4xi32, 0.5:0>
      %y = requantize %a {${halves}} : tensor<3x4xi8, 1:0>
      return %y
    }`,
  "a convolution that sees padding alone": `
    graph @net(%x: tensor<1x0x2x3xi8, 1:3>) {
      %w = constant {value = ${ones([5, 1, 1, 3])}} : tensor<5x1x1x3xi8, 0.5:0>
      %a = conv2d %x, %w {pads = [1, 1, 1, 1]} : tensor<1x2x4x5xi32, 0.5:0>
      %y = requantize %a {${halves}} : tensor<1x2x4x5xi8, 1:0>
      return %y
    }`,
  "padding around nothing": `
    graph @net(%x: tensor<0x2xi8, 1:3>) {
      %y = pad %x {before = [1, 0], after = [2, 1]} : tensor<3x3xi8, 1:3>
      return %y
    }`,
  "sums of nothing": `
    graph @net(%x: tensor<2x0xi8, 1:3>) {
      %w = constant {value = dense<[[], [], [], [], []]>} : tensor<5x0xi8, 0.5:0>
      %b = constant {value = dense<[1, -2, 3, -4, 5]>} : tensor<5xi32, 0.5:0>
      %a = linear %x, %w, %b : tensor<2x5xi32, 0.5:0>
      %s = reduce_sum %x {axes = [1], keepdims = false} : tensor<2xi32, 1:0>
      return %a, %s
    }`,
  "layers over no pixels": `
    graph @net(%x: tensor<0x2x2x3xi8, 1:3>) {
      %w = constant {value = ${ones([5, 3])}} : tensor<5x3xi8, 0.5:0>
      %a = linear %x, %w : tensor<0x2x2x5xi32, 0.5:0>
      %r = requantize %a {${halves}} : tensor<0x2x2x5xi8, 1:0>
      %y = max_pool %r {kernel = [2, 2]} : tensor<0x1x1x5xi8, 1:0>
      return %y
    }`,
  "outputs that are an input, a constant, and a value returned twice": `
    graph @net(%x: tensor<2x3xi8, 0.5:7>, %unread: tensor<2xi16, 1:0>) {
      %c = constant {value = dense<[1, -2]>} : tensor<2xi8, 0.5:0>
      %y = softmax %x : tensor<2x3xi8, 0.00390625:-128>
      %v = reshape %y {shape = [6]} : tensor<6xi8, 0.00390625:-128>
      return %y, %x, %c, %y, %v, %x
    }`,
  "a sum that two others read, and one that reads it twice": `
    graph @net(%x: tensor<2x5xi8, 0.5:7>, %v: tensor<2x5xi8, 0.5:-3>) {
      %s = rescaled_add %x, %v {multipliers = [262144, 262144], shift = 19, clamp = [-128, 127]} : tensor<2x5xi8, 1:2>
      %a = rescaled_add %s, %x {multipliers = [262144, 131072], shift = 19, clamp = [-100, 99]} : tensor<2x5xi8, 2:0>
      %b = rescaled_sub %s, %v {multipliers = [262144, 131072], shift = 19, clamp = [-128, 127]} : tensor<2x5xi8, 2:5>
      %d = rescaled_sub %s, %s {multipliers = [262144, 262144], shift = 18, clamp = [1, 127]} : tensor<2x5xi8, 1:0>
      return %a, %b, %d
    }`,
  "padding times a weight that is no number": `
    graph @net(%x: tensor<1x2x3x2xf32>) {
      %w = constant {value = dense<[[[[1, -2], [inf, 4], [5, nan]]]]>} : tensor<1x1x3x2xf32>
      %y = conv2d %x, %w {pads = [0, 1, 0, 1]} : tensor<1x2x3x1xf32>
      return %y
    }`,
};

describe("every engine agrees", () => {
  for (const [name, text] of Object.entries(cases))
    test(name, async () => {
      const graph = parseGraph(text);
      await expectAgreement(graph, inputs(graph));
    });
});

test("every output is a parameter of its own in C", () => {
  const graph = parseGraph(cases["outputs that are an input, a constant, and a value returned twice"]!);
  const { header } = emitC(lowerToLoops(graph, plainC), { name: "net" });
  expect(header).toContain("int8_t *output5");
});
