/** The fully connected layer: a matrix of weights applied to the last axis. */
import { at, axes, compute, f32, i32, load, mul, sub, sum, variable } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { isReal, requireRank, weightedSumType, zeroOf } from "./type-rules.ts";

export const linear = defineOp({
  name: "linear",
  doc: `y[..., o] = bias[o] + sum over k of input[..., k] * weight[o, k], for weights [O, K].
Stored, input - zero is multiplied by weights of 2 to 8 bits into an i32 accumulator whose scale is the product of the scales.
Source: ONNX Gemm with transB = 1; TensorFlow Lite quantization specification, FULLY_CONNECTED.`,
  example: "%y = linear %x, %w, %b : tensor<2x3xf32>",
  given: { "%x": "tensor<2x4xf32>", "%w": "tensor<3x4xf32>", "%b": "tensor<3xf32>" },
  operands: ["input", "weight", "bias?"],
  attrs: {},
  integer: { kind: "accumulator", weight: "weight", weightAxis: 0, bias: "bias" },

  infer(operands, _, fail) {
    const { input, weight } = operands;
    requireRank("weight", weight, 2, "O, K", fail);
    const [outputs, depth] = weight.shape as [number, number];
    if (input.shape.length < 1 || input.shape.at(-1) !== depth)
      fail(
        "operand-shape",
        `has input ${formatType(input)}, expected ${depth} entries along its last axis, as its weight has`,
      );
    const shape = [...input.shape.slice(0, -1), outputs];
    return weightedSumType(operands, shape, shape.length - 1, fail);
  },

  express({ input, weight, bias }, _, result) {
    const [outputs, depth] = weight.type.shape as [number, number];
    const outer = axes(result.type.shape.slice(0, -1), ["n"]);
    const [o, k] = [variable("o", outputs), variable("k", depth)];
    const element = load(input.tensor, [...outer.map(at), at(k)]);
    const real = isReal(input.type);
    const product = mul(
      real ? element : sub(element, i32(zeroOf(input.type))),
      load(weight.tensor, [at(o), at(k)]),
    );
    const initial = bias === undefined ? (real ? f32(0) : i32(0)) : load(bias.tensor, [at(o)]);
    return [compute(result.tensor, [...outer, o], sum([k], product, initial))];
  },

  macs: ({ weight }, _, { shape }) => elementCount(shape) * weight.shape[1]!,

  unfold({ weight }, _, { shape }) {
    const [outputs, depth] = weight.shape as [number, number];
    return {
      groups: 1,
      length: depth,
      rows: elementCount(shape) / outputs,
      positions: (row) => Int32Array.from({ length: depth }, (_, k) => row * depth + k),
    };
  },

  evalStored({ input, weight, bias }, _, { operands, result }) {
    const [outputs, depth] = weight.shape as [number, number];
    const [x, w] = [numbersOf(input), numbersOf(weight)];
    const b = bias && numbersOf(bias);
    const zero = operands.input.quantization!.zero[0]!;
    const y = new Int32Array(elementCount(result.shape));
    for (let i = 0; i < y.length; i++) {
      const o = i % outputs;
      const row = Math.floor(i / outputs);
      let acc = BigInt(b?.[o] ?? 0);
      for (let k = 0; k < depth; k++) acc += BigInt(x[row * depth + k]! - zero) * BigInt(w[o * depth + k]!);
      y[i] = Number(BigInt.asIntN(32, acc));
    }
    return tensor("i32", result.shape, y);
  },
});
