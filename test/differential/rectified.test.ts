/**
 * Rectified results between layers: where vectors write i16, their clamp is saturation (store-vectors.ts), of an accumulator that may be kept
 * larger (scale-accumulator.ts). Every threshold of the rounding and its neighbours, beyond both ends, for each shift; and which
 * form was taken, since the others would agree as well.
 */
import { describe, expect, test } from "vitest";
import { wasmSimd } from "../../backends/wasm/targets.ts";
import { lowerToLoops } from "../../src/driver/lower.ts";
import { Graph, type Value } from "../../src/ir/graph.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { printProcedure } from "../../src/loops/print.ts";
import { sharedShiftMultipliers } from "../../src/numerics/dyadic.ts";
import { linear } from "../../src/ops/linear.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "./engines.ts";
import {
  addConvolution,
  addRequantize,
  generator,
  stored,
  storedInputs,
  type ConvolutionShape,
} from "./stored-graphs.ts";

/** Something that reads `y`, so that it is kept as results between layers are. */
function read(graph: Graph, y: Value): Graph {
  const depth = y.type.shape.at(-1)!;
  const weight = stored(
    graph,
    "reader_w",
    tensor(
      "i8",
      [4, depth],
      Array.from({ length: 4 * depth }, (_, i) => (i % 7) - 3),
    ),
    perTensor(1, 0),
  );
  const acc = graph.create(linear, { input: y, weight }, {}, { name: "reader_acc" }).result;
  graph.setOutputs([addRequantize(graph, acc, "reader", y.type.quantization!.scale[0]! * 512, 3)]);
  return graph;
}

/** A linear layer of one input whose weights are all `weight` and whose biases are given. */
function layer(biases: readonly number[], ratios: readonly number[], weight: number, high: number): Graph {
  const graph = new Graph("net");
  const count = biases.length;
  const x = graph.addInput("x", tensorType("i8", [1, 1], perTensor(1, 0)));
  const quantization = { scale: ratios.map(Math.fround), zero: ratios.map(() => 0), axis: 0 };
  const weights = tensor("i8", [count, 1], new Array<number>(count).fill(weight));
  const operands = {
    input: x,
    weight: stored(graph, "w", weights, quantization),
    bias: stored(graph, "b", tensor("i32", [count], [...biases]), quantization),
  };
  const acc = graph.create(linear, operands, {}, { name: "acc" }).result;
  return read(graph, addRequantize(graph, acc, "y", 1, -128, [-128, high]));
}

/** The first accumulator that rounds to each of `from` … `to`, and the one before it. */
function thresholds(ratio: number, shift: number, from: number, to: number): number[] {
  const multiplier = BigInt(Math.round(Math.fround(ratio) * 2 ** shift));
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const tie = BigInt(2 * (from + i) - 1) * 2n ** BigInt(shift - 1);
    const first = Number(tie / multiplier) + (tie > 0n && tie % multiplier !== 0n ? 1 : 0);
    return [first - 1, first];
  }).flat();
}

const textOf = (graph: Graph, name: string): string =>
  printProcedure(lowerToLoops(graph, wasmSimd).procedures.find((p) => p.name === name)!);

const extremes = [0, 1, -1, -5, 1000, -1000, 100_000, -100_000];

describe("every threshold", () => {
  for (const ratio of [0.9, 0.3, 0.24, 0.0517, 2 ** -6, 0.00517, 0.0013, 2 ** -10, 0.0007, 2.3e-5]) {
    for (const high of [127, 60]) {
      test(`ratio ${ratio}, up to ${high}`, async () => {
        const { shifts } = sharedShiftMultipliers([Math.fround(ratio)]);
        const accs = [...thresholds(ratio, shifts[0]!, -3, 258), ...extremes];
        const graph = layer(
          accs,
          accs.map(() => ratio),
          1,
          high,
        );
        expect(textOf(graph, "y")).toContain("addsatu");
        await expectAgreement(graph, [
          ...storedInputs(graph, 3, 1),
          ...[-2, -1, 1, 2].map((x) => [tensor("i8", [1, 1], [x])]),
        ]);
      });
    }
  }

  test("each channel its own ratio", async () => {
    const random = generator(11);
    const ratios = Array.from({ length: 37 }, () => 0.002 + random(1000) / 2e5);
    const { shifts } = sharedShiftMultipliers(ratios.map(Math.fround));
    for (let from = -1; from < 257; from += 43) {
      const accs = ratios.map((ratio, i) => thresholds(ratio, shifts[0]!, from + i, from + i)[i % 2]!);
      const graph = layer(accs, ratios, 1, 127);
      await expectAgreement(graph, storedInputs(graph, 5, 1));
    }
  });
});

describe("an accumulator is kept larger", () => {
  const ratio = 0.00517; // shift 38, so by 4
  test("up to the last bit that is free", async () => {
    const bound = 2 ** 29 - 128 * 127;
    for (const [bias, free] of [
      [bound - 1, true],
      [bound, false],
      [-bound + 1, true],
      [-bound, false],
    ] as const) {
      const accs = [bias, 5, -7, 100, 200, 300, 400, 500];
      const graph = layer(
        accs,
        accs.map(() => ratio),
        127,
        127,
      );
      expect(textOf(graph, "y").includes("addsatu")).toBe(free);
      await expectAgreement(graph, storedInputs(graph, 5, 1));
    }
  });

  test("while its weights stay i16", async () => {
    const wide = 0.124; // shift 33, so by 128
    const accs = [10, 20, 30, -40];
    for (const weight of [-128 + 1, 127]) {
      const graph = layer(
        accs,
        accs.map(() => wide),
        weight,
        127,
      );
      expect(textOf(graph, "y")).toContain("addsatu");
      await expectAgreement(graph, storedInputs(graph, 5, 1));
    }
    const wider = layer(
      accs,
      accs.map(() => 0.6),
      127,
      127,
    );
    expect(textOf(wider, "y")).not.toContain("addsatu");
  });
});

const shape = (more: Partial<ConvolutionShape>): ConvolutionShape => ({
  height: 5,
  width: 5,
  inputs: 8,
  outputs: 8,
  kernel: [3, 3],
  pads: [1, 1, 1, 1],
  rectified: true,
  ...more,
});

test.each<[string, ConvolutionShape]>([
  ["3x3", shape({})],
  ["3x3, odd channels", shape({ inputs: 3, outputs: 13 })],
  ["pointwise", shape({ kernel: [1, 1], pads: [0, 0, 0, 0], inputs: 16, outputs: 24 })],
  ["depthwise", shape({ groups: 8 })],
  ["depthwise, three channels", shape({ inputs: 3, outputs: 3, groups: 3 })],
  ["depthwise, 21 channels, strided", shape({ inputs: 21, outputs: 21, groups: 21, strides: [2, 2] })],
  ["depthwise without bias", shape({ inputs: 24, outputs: 24, groups: 24, bias: false })],
  ["depthwise, input zero at an end", shape({ inputs: 16, outputs: 16, groups: 16, zero: 127 })],
])("rectified between layers: %s", async (_, first) => {
  const graph = new Graph("net");
  const x = graph.addInput(
    "x",
    tensorType("i8", [1, first.height, first.width, first.inputs], perTensor(0.5, first.zero ?? 5)),
  );
  read(graph, addConvolution(graph, x, "y", first, generator(3)));
  expect(textOf(graph, "y")).toContain("addsatu");
  await expectAgreement(graph, storedInputs(graph, 6, 2));
});
