/** The four layer shapes of the benchmark, as stored graphs with pseudo-random weights. */
import { Graph, type Value } from "../src/ir/graph.ts";
import { perTensor, tensorType } from "../src/ir/types.ts";
import { constant } from "../src/ops/constant.ts";
import { conv2d } from "../src/ops/conv2d.ts";
import { linear } from "../src/ops/linear.ts";
import { requantize } from "../src/ops/requantize.ts";
import { sharedShiftMultipliers } from "../src/numerics/dyadic.ts";
import { elementCount, tensor } from "../src/tensor/tensor.ts";

export interface Layer {
  readonly name: string;
  readonly graph: Graph;
  readonly macs: number;
  readonly depthwise: boolean;
  /** Pixels in a row the tile can choose from. */
  readonly row: number;
}

const inputScale = 0.5;
const outputScale = 64;

function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function weights(graph: Graph, shape: readonly number[]): { weight: Value; bias: Value; scales: number[] } {
  const random = generator(7);
  const channels = shape[0]!;
  const scale = Array.from({ length: channels }, (_, c) => Math.fround(0.01 + 0.001 * (c % 13)));
  const zero = scale.map(() => 0);
  const scales = scale.map((s) => s * inputScale);
  const data = Array.from({ length: elementCount(shape) }, () => random(255) - 127);
  const bias = scale.map(() => random(4000) - 2000);
  const make = (
    name: string,
    element: "i8" | "i32",
    of: readonly number[],
    values: number[],
    s: number[],
  ): Value =>
    graph.create(
      constant,
      {},
      { value: tensor(element, of, values) },
      { name, type: tensorType(element, of, { scale: s, zero, axis: 0 }) },
    ).result;
  return {
    weight: make("weight", "i8", shape, data, scale),
    bias: make("bias", "i32", [channels], bias, scales),
    scales,
  };
}

function finish(graph: Graph, acc: Value, scales: readonly number[]): Graph {
  const { multipliers, shifts } = sharedShiftMultipliers(scales.map((s) => s / outputScale));
  const attributes = { multiplier: multipliers, shift: shifts, clamp: [-128, 127] };
  const type = tensorType("i8", acc.type.shape, perTensor(outputScale, -3));
  graph.setOutputs([graph.create(requantize, { acc }, attributes, { name: "y", type }).result]);
  return graph;
}

function convolution(
  name: string,
  height: number,
  width: number,
  channels: number,
  kernel: number,
  groups: number,
): Layer {
  const graph = new Graph("layer");
  const input = graph.addInput("x", tensorType("i8", [1, height, width, channels], perTensor(inputScale, 5)));
  const { weight, bias, scales } = weights(graph, [channels, kernel, kernel, channels / groups]);
  const pad = (kernel - 1) / 2;
  const { result } = graph.create(conv2d, { input, weight, bias }, { pads: [pad, pad, pad, pad], groups });
  const macs = height * width * channels * kernel * kernel * (channels / groups);
  const row = kernel === 1 ? height * width : width;
  return { name, graph: finish(graph, result, scales), macs, depthwise: groups > 1, row };
}

function fullyConnected(name: string, inputs: number, outputs: number): Layer {
  const graph = new Graph("layer");
  const input = graph.addInput("x", tensorType("i8", [1, inputs], perTensor(inputScale, 5)));
  const { weight, bias, scales } = weights(graph, [outputs, inputs]);
  const { result } = graph.create(linear, { input, weight, bias }, {});
  return { name, graph: finish(graph, result, scales), macs: inputs * outputs, depthwise: false, row: 1 };
}

export const layers = (): Layer[] => [
  convolution("conv 3x3 16->16 @32x32", 32, 32, 16, 3, 1),
  convolution("pointwise 64->64 @25x5", 25, 5, 64, 1, 1),
  convolution("depthwise 3x3 64 @25x5", 25, 5, 64, 3, 64),
  fullyConnected("fully connected 640->128", 640, 128),
];
