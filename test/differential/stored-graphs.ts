/** Small stored graphs with seeded weights, and inputs that look for trouble. */
import { Graph, type Value } from "../../src/ir/graph.ts";
import { perTensor, tensorType, type TensorType } from "../../src/ir/types.ts";
import { sharedShiftMultipliers } from "../../src/numerics/dyadic.ts";
import {
  elementFactors,
  groupsOfRow,
  mostFactor,
  rowLengthOf,
  type GroupCodes,
} from "../../src/numerics/group-codes.ts";
import { constant, maskedBy } from "../../src/ops/constant.ts";
import { conv2d } from "../../src/ops/conv2d.ts";
import { linear } from "../../src/ops/linear.ts";
import { requantize } from "../../src/ops/requantize.ts";
import { elementRange, holdsInteger, type NarrowElementType } from "../../src/tensor/element-type.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

export type Random = (bound: number) => number;

export function generator(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

export function stored(
  graph: Graph,
  name: string,
  data: Tensor,
  quantization: TensorType["quantization"],
  codes?: GroupCodes,
): Value {
  const type = tensorType(data.element, data.shape, quantization);
  return graph.create(constant, {}, maskedBy(data, undefined, codes), { name, type }).result;
}

export type ActivationElement = "i8" | "i16";

export interface ConvolutionShape {
  readonly height: number;
  readonly width: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly dilations?: readonly [number, number];
  readonly groups?: number;
  readonly bias?: boolean;
  readonly zero?: number;
  readonly perTensorWeights?: boolean;
  /** Of the input that `convolution` makes, and of results; i8, when it is not said. An i16 has zero point 0. */
  readonly inputElement?: ActivationElement;
  readonly resultElement?: ActivationElement;
  /** i8, when it is not said. */
  readonly weightElement?: NarrowElementType;
  /** Groups of so many weights multiply their codes of `weightElement`. */
  readonly groupSize?: number;
  /** The result's zero point is its smallest integer: what is negative becomes 0. */
  readonly rectified?: boolean;
}

const inputScale = 0.5;

/** One convolution and its requantization; `ratio` is about how much of the result's range is used. */
export function convolution(shape: ConvolutionShape, seed: number): Graph {
  const graph = new Graph("net");
  const { height, width, inputs, inputElement = "i8" } = shape;
  const quantization =
    inputElement === "i16" ? perTensor(inputScale / 256, 0) : perTensor(inputScale, shape.zero ?? 5);
  const x = graph.addInput("x", tensorType(inputElement, [1, height, width, inputs], quantization));
  graph.setOutputs([addConvolution(graph, x, "y", shape, generator(seed))]);
  return graph;
}

export function addConvolution(
  graph: Graph,
  x: Value,
  name: string,
  shape: ConvolutionShape,
  random: Random,
): Value {
  const { inputs, outputs, kernel, groups = 1 } = shape;
  const scaleOfInput = x.type.quantization!.scale[0]!;
  const depth = inputs / groups;
  const slices = shape.perTensorWeights === true ? 1 : outputs;
  const scale = Array.from({ length: slices }, () => Math.fround(0.001 + random(1000) / 1e5));
  const axis = slices === 1 ? {} : { axis: 0 };
  const zeros = scale.map(() => 0);
  const accScale = scale.map((s) => s * scaleOfInput);
  const weightShape = [outputs, kernel[0], kernel[1], depth];
  const { data, codes } = weightsOf(shape, weightShape, random);
  const weight = stored(graph, `${name}_w`, data, { scale, zero: zeros, ...axis }, codes);
  const bias = stored(
    graph,
    `${name}_b`,
    tensor(
      "i32",
      [outputs],
      Array.from({ length: outputs }, () => random(20001) - 10000),
    ),
    {
      scale: accScale,
      zero: zeros,
      ...axis,
    },
  );
  const { strides, pads, dilations } = shape;
  const attributes = {
    groups,
    ...(strides === undefined ? {} : { strides }),
    ...(pads === undefined ? {} : { pads }),
    ...(dilations === undefined ? {} : { dilations }),
  };
  const operands = shape.bias === false ? { input: x, weight } : { input: x, weight, bias };
  const acc = graph.create(conv2d, operands, attributes, { name: `${name}_acc` }).result;
  const taps = kernel[0] * kernel[1] * depth;
  const steps = x.type.element === "i16" ? 256 : 1;
  const largest = Math.max(...accScale) * steps * Math.sqrt(taps) * 74 * 74 * 2;
  if (shape.resultElement === "i16") return addWideRequantize(graph, acc, name, Math.fround(largest / 32768));
  return addRequantize(
    graph,
    acc,
    name,
    Math.fround(largest / 128),
    shape.rectified === true ? -128 : random(200) - 100,
  );
}

function weightsOf(
  { weightElement, groupSize }: ConvolutionShape,
  shape: readonly number[],
  random: Random,
): { data: Tensor; codes?: GroupCodes } {
  if (weightElement === undefined)
    return {
      data: tensor(
        "i8",
        shape,
        Array.from({ length: elementCount(shape) }, () => random(255) - 127),
      ),
    };
  const narrow = narrowWeights(weightElement, shape, random);
  return groupSize === undefined ? { data: narrow } : multiplied(narrow, groupSize, random);
}

/** The elements as codes, each group multiplied by anything that i8 has room for. */
export function multiplied(
  narrow: Tensor,
  size: number,
  random: Random,
): { data: Tensor; codes: GroupCodes } {
  const { shape } = narrow;
  const element = narrow.element as NarrowElementType;
  const groups = [shape[0]!, groupsOfRow(rowLengthOf(shape), size)];
  const most = mostFactor(element);
  const chosen = Array.from({ length: elementCount(groups) }, () => 1 + random(most));
  const codes = { element, size, factors: tensor("u8", groups, chosen) };
  const factors = elementFactors(shape, codes);
  return {
    data: tensor(
      "i8",
      shape,
      Array.from(numbersOf(narrow), (x, i) => x * factors[i]!),
    ),
    codes,
  };
}

/** Every integer of the element, the extremes as often as all others together: sign bits and neighbours' bits show. */
export function narrowWeights(element: NarrowElementType, shape: readonly number[], random: Random): Tensor {
  const { min, max } = elementRange(element);
  const all = Array.from({ length: max - min + 1 }, (_, i) => min + i).filter((x) =>
    holdsInteger(element, x),
  );
  const pick = (): number => (random(2) === 0 ? [min, max][random(2)]! : all[random(all.length)]!);
  return tensor(element, shape, Array.from({ length: elementCount(shape) }, pick));
}

export function addRequantize(
  graph: Graph,
  acc: Value,
  name: string,
  scale: number,
  zero: number,
  clamp = [-128, 127],
): Value {
  const { multipliers, shifts } = sharedShiftMultipliers(acc.type.quantization!.scale.map((s) => s / scale));
  const type = tensorType("i8", acc.type.shape, perTensor(scale, zero));
  return graph.create(requantize, { acc }, { multiplier: multipliers, shift: shifts, clamp }, { name, type })
    .result;
}

/** To 16 bits about zero. */
export function addWideRequantize(
  graph: Graph,
  acc: Value,
  name: string,
  scale: number,
  clamp = [-32768, 32767],
): Value {
  const { multipliers, shifts } = sharedShiftMultipliers(acc.type.quantization!.scale.map((s) => s / scale));
  const type = tensorType("i16", acc.type.shape, perTensor(scale, 0));
  return graph.create(requantize, { acc }, { multiplier: multipliers, shift: shifts, clamp }, { name, type })
    .result;
}

/**
 * A linear layer whose accumulators are given: one input, always 0, and the biases are the accumulators. What it tests is the
 * epilogue: rounding ties and 32-bit extremes.
 */
export function epilogue(
  accumulators: readonly number[],
  ratio: number,
  zero: number,
  clamp = [-128, 127],
  element: ActivationElement = "i8",
): Graph {
  const graph = new Graph("net");
  const outputs = accumulators.length;
  const x = graph.addInput("x", tensorType("i8", [1, 1], perTensor(1, 0)));
  const weight = stored(
    graph,
    "w",
    tensor("i8", [outputs, 1], new Array<number>(outputs).fill(1)),
    perTensor(1, 0),
  );
  const bias = stored(graph, "b", tensor("i32", [outputs], [...accumulators]), perTensor(1, 0));
  const acc = graph.create(linear, { input: x, weight, bias }, {}, { name: "acc" }).result;
  graph.setOutputs([
    element === "i16"
      ? addWideRequantize(graph, acc, "y", 1 / ratio, clamp)
      : addRequantize(graph, acc, "y", 1 / ratio, zero, clamp),
  ]);
  return graph;
}

/** Extremes first, then noise: constant inputs reach the accumulator's bounds, noise finds wrong indices. */
export function storedInputs(graph: Graph, count: number, seed: number): Tensor[][] {
  const random = generator(seed);
  return Array.from({ length: count }, (_, sample) =>
    graph.inputs.map(({ type }) => {
      const { min, max } = elementRange(type.element);
      const fill = [min, max, type.quantization?.zero[0] ?? 0][sample];
      const values = Array.from(
        { length: elementCount(type.shape) },
        () => fill ?? min + random(max - min + 1),
      );
      return tensor(type.element, type.shape, values);
    }),
  );
}
