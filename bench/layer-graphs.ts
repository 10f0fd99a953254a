/**
 * The four layer shapes of the benchmark, as stored graphs with pseudo-random weights of any width. Each is followed by a small layer that reads it, so
 * that its result is kept as results between layers are: widened and centred, not in the caller's form.
 */
import { Graph, type Value } from "../src/ir/graph.ts";
import { perTensor, tensorType } from "../src/ir/types.ts";
import { constant } from "../src/ops/constant.ts";
import { conv2d } from "../src/ops/conv2d.ts";
import { linear } from "../src/ops/linear.ts";
import { requantize } from "../src/ops/requantize.ts";
import { sharedShiftMultipliers } from "../src/numerics/dyadic.ts";
import { levelsOf } from "../src/numerics/levels.ts";
import { elementBits, isOdd, type NarrowElementType } from "../src/tensor/element-type.ts";
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
/** Root mean square of a uniform 8-bit number. */
const spread = 74;

function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

type WeightElement = "i8" | NarrowElementType;

function weights(
  graph: Graph,
  shape: readonly number[],
  element: WeightElement,
): { weight: Value; bias: Value } {
  const random = generator(7);
  const channels = shape[0]!;
  const scale = Array.from({ length: channels }, (_, c) => Math.fround(0.01 + 0.001 * (c % 13)));
  const zero = scale.map(() => 0);
  const scales = scale.map((s) => s * inputScale);
  const { largest, step } = levelsOf(elementBits(element), isOdd(element) ? "odd" : "integers");
  const count = (2 * largest) / step + 1;
  const data = Array.from({ length: elementCount(shape) }, () => step * random(count) - largest);
  const bias = scale.map(() => random(4000) - 2000);
  const make = (
    name: string,
    element: WeightElement | "i32",
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
    weight: make("weight", element, shape, data, scale),
    bias: make("bias", "i32", [channels], bias, scales),
  };
}

/** Rescaled so that three standard deviations fill the result, and rectified, as layers between layers are. */
function scaled(graph: Graph, acc: Value, name: string, taps: number): Value {
  const widest = Math.max(...acc.type.quantization!.scale) * Math.sqrt(taps) * spread * spread;
  const scale = Math.fround((3 * widest) / 255);
  const { multipliers, shifts } = sharedShiftMultipliers(acc.type.quantization!.scale.map((s) => s / scale));
  const attributes = { multiplier: multipliers, shift: shifts, clamp: [-128, 127] };
  const type = tensorType("i8", acc.type.shape, perTensor(scale, -128));
  return graph.create(requantize, { acc }, attributes, { name, type }).result;
}

function finish(graph: Graph, acc: Value, taps: number): Graph {
  const y = scaled(graph, acc, "y", taps);
  const depth = y.type.shape.at(-1)!;
  const value = tensor("i8", [4, depth], new Array<number>(4 * depth).fill(1));
  const type = tensorType("i8", value.shape, perTensor(1, 0));
  const weight = graph.create(constant, {}, { value }, { name: "reader_weight", type }).result;
  const reader = graph.create(linear, { input: y, weight }, {}, { name: "reader_acc" }).result;
  graph.setOutputs([scaled(graph, reader, "reader", depth)]);
  return graph;
}

function convolution(
  name: string,
  height: number,
  width: number,
  channels: number,
  kernel: number,
  groups: number,
  element: WeightElement,
): Layer {
  const graph = new Graph("layer");
  const input = graph.addInput("x", tensorType("i8", [1, height, width, channels], perTensor(inputScale, 5)));
  const { weight, bias } = weights(graph, [channels, kernel, kernel, channels / groups], element);
  const pad = (kernel - 1) / 2;
  const { result } = graph.create(conv2d, { input, weight, bias }, { pads: [pad, pad, pad, pad], groups });
  const macs = height * width * channels * kernel * kernel * (channels / groups);
  const row = kernel === 1 ? height * width : width;
  return {
    name,
    graph: finish(graph, result, kernel * kernel * (channels / groups)),
    macs,
    depthwise: groups > 1,
    row,
  };
}

function fullyConnected(name: string, inputs: number, outputs: number, element: WeightElement): Layer {
  const graph = new Graph("layer");
  const input = graph.addInput("x", tensorType("i8", [1, inputs], perTensor(inputScale, 5)));
  const { weight, bias } = weights(graph, [outputs, inputs], element);
  const { result } = graph.create(linear, { input, weight, bias }, {});
  return { name, graph: finish(graph, result, inputs), macs: inputs * outputs, depthwise: false, row: 1 };
}

export const layers = (element: WeightElement = "i8"): Layer[] => [
  convolution("conv 3x3 16->16 @32x32", 32, 32, 16, 3, 1, element),
  convolution("pointwise 64->64 @25x5", 25, 5, 64, 1, 1, element),
  convolution("depthwise 3x3 64 @25x5", 25, 5, 64, 3, 64, element),
  fullyConnected("fully connected 640->128", 640, 128, element),
];
