/** Unfolded rows times weights are what the operator computes: plain, grouped, strided, dilated and depthwise forms. */
import { expect, test } from "vitest";
import { rowReader, weightedLayerOf } from "../../src/measure/layer-inputs.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { generator, graphOf, numbers, type Given } from "../ops/run-operator.ts";

const uniform = generator(3);
const cases: readonly (readonly [string, string, Given])[] = [
  [
    "convolution",
    "%y = conv2d %x, %w {strides = [2, 1], pads = [1, 0, 1, 2]} : tensor<2x3x7x5xf32>",
    { "%x": "tensor<2x6x7x2xf32>", "%w": "tensor<5x3x3x2xf32>" },
  ],
  [
    "dilated convolution",
    "%y = conv2d %x, %w {dilations = [2, 3]} : tensor<1x4x3x4xf32>",
    { "%x": "tensor<1x6x6x3xf32>", "%w": "tensor<4x2x2x3xf32>" },
  ],
  [
    "grouped convolution",
    "%y = conv2d %x, %w {groups = 2, pads = [1, 1, 1, 1]} : tensor<1x4x4x6xf32>",
    { "%x": "tensor<1x4x4x4xf32>", "%w": "tensor<6x3x3x2xf32>" },
  ],
  [
    "depthwise convolution",
    "%y = conv2d %x, %w {groups = 3, pads = [0, 1, 0, 0]} : tensor<1x3x3x3xf32>",
    { "%x": "tensor<1x4x3x3xf32>", "%w": "tensor<3x2x2x1xf32>" },
  ],
  [
    "linear",
    "%y = linear %x, %w : tensor<2x3x4xf32>",
    { "%x": "tensor<2x3x5xf32>", "%w": "tensor<4x5xf32>" },
  ],
];

test.each(cases)("%s", (_, line, given) => {
  const graph = graphOf(line, given);
  const [x, w] = graph.inputs.map(({ type }) =>
    tensor(
      "f32",
      type.shape,
      Array.from({ length: type.shape.reduce((a, b) => a * b) }, () => uniform() - 0.5),
    ),
  );
  const wanted = numbers(interpret(graph, [x!, w!])[0]!);
  const layer = weightedLayerOf(graph.outputs[0]!.producer!)!;
  const weights = numbers(w!);
  const { outputs, unfolding } = layer;
  const found = new Array<number>(wanted.length).fill(Number.NaN);
  const { groups, length } = unfolding;
  rowReader(unfolding, Infinity)([x!], ([row], group, place) => {
    for (let j = 0; j < outputs / groups; j++) {
      const o = group * (outputs / groups) + j;
      found[place * outputs + o] = row!.reduce((sum, value, k) => sum + value * weights[o * length + k]!, 0);
    }
  });
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 5);
  });
});

test("a few places: one in each stretch, and not all in one column", () => {
  const graph = graphOf("%y = linear %x, %w : tensor<1024x1xf32>", {
    "%x": "tensor<1024x1xf32>",
    "%w": "tensor<1x1xf32>",
  });
  const { unfolding } = weightedLayerOf(graph.outputs[0]!.producer!)!;
  const places: number[] = [];
  rowReader(unfolding, 32)([tensor("f32", [1024, 1])], (_rows, _group, place) => places.push(place));
  expect(places.map((place) => Math.floor(place / 32))).toEqual(Array.from({ length: 32 }, (_, p) => p));
  expect(new Set(places.map((place) => place % 32)).size).toBeGreaterThan(24);
});
