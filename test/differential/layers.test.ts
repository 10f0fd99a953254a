/** Every shape that makes a schedule take another path: ragged tiles, odd K, borders, strides, groups, single pixels. */
import { describe, test } from "vitest";
import { expectAgreement } from "./engines.ts";
import { convolution, storedInputs, type ConvolutionShape } from "./stored-graphs.ts";

const same = (kernel: number): [number, number, number, number] => {
  const pad = (kernel - 1) / 2;
  return [pad, pad, pad, pad];
};

const cases: Readonly<Record<string, ConvolutionShape>> = {
  "3x3, all tiles whole": { height: 8, width: 8, inputs: 16, outputs: 16, kernel: [3, 3], pads: same(3) },
  "3x3, three inputs make an odd run of nine": {
    height: 5,
    width: 7,
    inputs: 3,
    outputs: 8,
    kernel: [3, 3],
    pads: same(3),
  },
  "3x3, stride 2, padding on one side only": {
    height: 6,
    width: 9,
    inputs: 4,
    outputs: 8,
    kernel: [3, 3],
    strides: [2, 2],
    pads: [0, 0, 1, 1],
  },
  "10x4, as keyword spotting begins": {
    height: 49,
    width: 10,
    inputs: 1,
    outputs: 20,
    kernel: [10, 4],
    strides: [2, 2],
    pads: [4, 1, 5, 1],
  },
  "channels that fill no vector": {
    height: 4,
    width: 4,
    inputs: 2,
    outputs: 3,
    kernel: [3, 3],
    pads: same(3),
  },
  "one channel in, one out": { height: 4, width: 5, inputs: 1, outputs: 1, kernel: [3, 3], pads: same(3) },
  "channels one more than a tile": { height: 3, width: 5, inputs: 5, outputs: 17, kernel: [1, 1] },
  "pointwise, rows merge": { height: 5, width: 5, inputs: 64, outputs: 24, kernel: [1, 1] },
  "pointwise, stride 2": { height: 5, width: 6, inputs: 8, outputs: 8, kernel: [1, 1], strides: [2, 2] },
  "dilated, no padding": { height: 7, width: 7, inputs: 4, outputs: 8, kernel: [3, 3], dilations: [2, 2] },
  "dilated, padded": {
    height: 7,
    width: 7,
    inputs: 4,
    outputs: 8,
    kernel: [3, 3],
    dilations: [2, 2],
    pads: [2, 2, 2, 2],
  },
  "padding wider than the kernel": {
    height: 3,
    width: 3,
    inputs: 4,
    outputs: 8,
    kernel: [2, 2],
    pads: [3, 3, 3, 3],
  },
  "no bias": { height: 4, width: 4, inputs: 8, outputs: 8, kernel: [3, 3], bias: false },
  "one scale for all weights": {
    height: 4,
    width: 4,
    inputs: 8,
    outputs: 12,
    kernel: [3, 3],
    perTensorWeights: true,
  },
  "zero point at the edge": {
    height: 4,
    width: 4,
    inputs: 8,
    outputs: 8,
    kernel: [3, 3],
    pads: same(3),
    zero: -128,
  },
  "depthwise 3x3": {
    height: 6,
    width: 5,
    inputs: 16,
    outputs: 16,
    kernel: [3, 3],
    groups: 16,
    pads: same(3),
  },
  "depthwise, stride 2, ragged channels": {
    height: 7,
    width: 9,
    inputs: 12,
    outputs: 12,
    kernel: [3, 3],
    strides: [2, 2],
    groups: 12,
    pads: same(3),
  },
  "depthwise, three channels": {
    height: 5,
    width: 4,
    inputs: 3,
    outputs: 3,
    kernel: [3, 3],
    groups: 3,
    pads: same(3),
  },
  "depthwise 5x1": {
    height: 9,
    width: 1,
    inputs: 9,
    outputs: 9,
    kernel: [5, 1],
    groups: 9,
    pads: [2, 0, 2, 0],
  },
  "depthwise, even taps": { height: 5, width: 6, inputs: 8, outputs: 8, kernel: [2, 2], groups: 8 },
  "depthwise over the whole image": { height: 5, width: 5, inputs: 8, outputs: 8, kernel: [5, 5], groups: 8 },
  "depthwise, too long to unroll": { height: 9, width: 8, inputs: 8, outputs: 8, kernel: [8, 8], groups: 8 },
  "two outputs a channel": {
    height: 4,
    width: 4,
    inputs: 6,
    outputs: 12,
    kernel: [3, 3],
    groups: 6,
    pads: same(3),
  },
  "two groups": { height: 6, width: 6, inputs: 8, outputs: 12, kernel: [3, 3], groups: 2, pads: same(3) },
  "one pixel": { height: 1, width: 1, inputs: 13, outputs: 11, kernel: [1, 1] },
};

describe("a stored convolution is the same everywhere", () => {
  for (const [name, shape] of Object.entries(cases))
    test(name, async () => {
      const graph = convolution(shape, name.length);
      await expectAgreement(graph, storedInputs(graph, 5, 11));
    });
});
