/** Weights of less than a byte: every width through every schedule, with rows, groups and taps that end inside bytes and words. */
import { describe, expect, test } from "vitest";
import { wasmSimd } from "../../backends/wasm/targets.ts";
import { lowerToLoops } from "../../src/driver/lower.ts";
import { Graph } from "../../src/ir/graph.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { linear } from "../../src/ops/linear.ts";
import { bufferBytes } from "../../src/loops/loop.ts";
import { elementBits, narrowElementTypes } from "../../src/tensor/element-type.ts";
import { expectAgreement } from "./engines.ts";
import {
  addConvolution,
  addRequantize,
  convolution,
  generator,
  narrowWeights,
  multiplied,
  stored,
  storedInputs,
  type ConvolutionShape,
} from "./stored-graphs.ts";

const cases: Readonly<Record<string, ConvolutionShape>> = {
  "3x3, all tiles whole": {
    height: 5,
    width: 6,
    inputs: 16,
    outputs: 16,
    kernel: [3, 3],
    pads: [1, 1, 1, 1],
  },
  "rows of three, an odd run, ragged channels": {
    height: 4,
    width: 5,
    inputs: 3,
    outputs: 11,
    kernel: [3, 3],
    pads: [1, 1, 1, 1],
  },
  "pointwise, 13 channels to 21": { height: 3, width: 3, inputs: 13, outputs: 21, kernel: [1, 1] },
  "two groups, dilated": {
    height: 6,
    width: 6,
    inputs: 10,
    outputs: 12,
    kernel: [3, 3],
    groups: 2,
    dilations: [2, 2],
  },
  "depthwise 3x3, ragged channels": {
    height: 5,
    width: 6,
    inputs: 13,
    outputs: 13,
    kernel: [3, 3],
    groups: 13,
    pads: [1, 1, 1, 1],
  },
  "depthwise 5x1, stride 2": {
    height: 9,
    width: 1,
    inputs: 16,
    outputs: 16,
    kernel: [5, 1],
    strides: [2, 1],
    groups: 16,
  },
  "depthwise, too long to unroll": { height: 9, width: 8, inputs: 5, outputs: 5, kernel: [8, 8], groups: 5 },
  "two outputs a channel": { height: 4, width: 4, inputs: 3, outputs: 6, kernel: [2, 2], groups: 3 },
};

const weightShapes: Readonly<Record<string, readonly [number, number]>> = {
  "one to one": [1, 1],
  "seven to five": [7, 5],
  "33 to nine": [33, 9],
  "64 to 40": [64, 40],
};

/** The fewest bits, the most that leave room for a factor, and widths that end inside bytes. */
const codeElements = ["i2", "i3", "i4", "i7", "odd2", "odd3"] as const;

describe("narrow weights are the same everywhere, each width beside the others", () => {
  test.each(Object.entries(cases))("%s", async (name, shape) => {
    const graph = new Graph("net");
    const { height, width, inputs } = shape;
    const x = graph.addInput("x", tensorType("i8", [1, height, width, inputs], perTensor(0.5, 5)));
    const random = generator(name.length);
    graph.setOutputs(
      narrowElementTypes.map((weightElement) =>
        addConvolution(graph, x, `y_${weightElement}`, { ...shape, weightElement }, random),
      ),
    );
    await expectAgreement(graph, storedInputs(graph, 4, 11));
  });

  test.each(Object.entries(weightShapes))("fully connected, %s", async (_, [inputs, outputs]) => {
    const graph = new Graph("net");
    const random = generator(inputs);
    const input = graph.addInput("x", tensorType("i8", [2, inputs], perTensor(0.5, -7)));
    graph.setOutputs(
      narrowElementTypes.map((element) => {
        const data = narrowWeights(element, [outputs, inputs], random);
        const weight = stored(graph, `w_${element}`, data, perTensor(0.25, 0));
        const acc = graph.create(linear, { input, weight }, {}, { name: `acc_${element}` }).result;
        return addRequantize(graph, acc, `y_${element}`, 0.125 * Math.sqrt(inputs) * 16, 3);
      }),
    );
    await expectAgreement(graph, storedInputs(graph, 4, 12));
  });
});

/** Groups that end with a row, inside one, at taps and between them; of all outputs, of the last alone. */
const groupSizes = [4, 16, 32];

describe("codes that groups multiply are the same everywhere", () => {
  test.each(Object.entries(cases))("%s", async (name, shape) => {
    const graph = new Graph("net");
    const { height, width, inputs } = shape;
    const x = graph.addInput("x", tensorType("i8", [1, height, width, inputs], perTensor(0.5, 5)));
    const random = generator(name.length);
    graph.setOutputs(
      codeElements.flatMap((weightElement) =>
        groupSizes.map((groupSize) =>
          addConvolution(
            graph,
            x,
            `y_${weightElement}_${groupSize}`,
            { ...shape, weightElement, groupSize },
            random,
          ),
        ),
      ),
    );
    await expectAgreement(graph, storedInputs(graph, 4, 13));
  });

  test.each(Object.entries(weightShapes))("fully connected, %s", async (_, [inputs, outputs]) => {
    const graph = new Graph("net");
    const random = generator(inputs);
    const input = graph.addInput("x", tensorType("i8", [2, inputs], perTensor(0.5, -7)));
    graph.setOutputs(
      codeElements.flatMap((element) =>
        groupSizes.map((size) => {
          const name = `${element}_${size}`;
          const { data, codes } = multiplied(narrowWeights(element, [outputs, inputs], random), size, random);
          const weight = stored(graph, `w_${name}`, data, perTensor(0.25, 0), codes);
          const acc = graph.create(linear, { input, weight }, {}, { name: `acc_${name}` }).result;
          return addRequantize(graph, acc, `y_${name}`, 0.125 * Math.sqrt(inputs) * 128, 3);
        }),
      ),
    );
    await expectAgreement(graph, storedInputs(graph, 4, 14));
  });
});

/** A schedule that declines narrow weights would pass every comparison, but not be what ships. */
test.each([
  ["contraction", cases["3x3, all tiles whole"]!],
  ["contraction", cases["rows of three, an odd run, ragged channels"]!],
  ["depthwise", cases["depthwise 3x3, ragged channels"]!],
])("vectors take them by the %s schedule", (schedule, shape) => {
  for (const weightElement of narrowElementTypes) {
    const { procedures, buffers } = lowerToLoops(convolution({ ...shape, weightElement }, 1), wasmSimd);
    expect(procedures.some(({ doc }) => doc.includes(`(${schedule})`))).toBe(true);
    const bits = elementBits(weightElement);
    const weights = shape.outputs * shape.kernel[0] * shape.kernel[1] * (shape.inputs / (shape.groups ?? 1));
    const packed = buffers.filter(({ name }) => name.endsWith("y_w.packed"));
    const sizeBytes = packed.reduce((sum, buffer) => sum + bufferBytes(buffer), 0);
    // Depthwise pairs its taps, and every period of a group is whole.
    expect(sizeBytes).toBeLessThan((2.5 * weights * bits) / 8 + 200);
  }
});
