/** The product of two matrices that are both computed; a constant right side is better a `linear`. */
import { at, axes, compute, i32, load, mul, sub, sum, variable } from "../expr/build.ts";
import { mulElements, reduceElements } from "../expr/element-arithmetic.ts";
import type { Expression } from "../expr/expression.ts";
import { defineOp, type ExpressOperand } from "../ir/operation.ts";
import { formatType, perTensor, tensorType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { broadcastIndex, broadcastPosition, broadcastShape } from "./broadcasting.ts";
import {
  isPlain,
  numberElements,
  requireActivation,
  requirePlain,
  requireSameElement,
  zeroOf,
} from "./type-rules.ts";

export const matmul = defineOp({
  name: "matmul",
  doc: `y[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]; the outer axes broadcast as in numpy.
Stored, (a - zero) * (b - zero) in i32, one of them of 8 bits, whose scale is the product of the scales. Source: ONNX MatMul.`,
  example: "%y = matmul %a, %b : tensor<5x2x3xf32>",
  given: { "%a": "tensor<5x2x4xf32>", "%b": "tensor<4x3xf32>" },
  operands: ["a", "b"],
  attrs: {},
  integer: { kind: "accumulator" },

  infer({ a, b }, _, fail) {
    for (const [name, type] of [
      ["a", a],
      ["b", b],
    ] as const)
      if (type.shape.length < 2)
        fail("operand-shape", `has ${name} ${formatType(type)}, expected at least two axes`);
    const [depth, expected] = [b.shape.at(-2)!, a.shape.at(-1)!];
    if (depth !== expected)
      fail(
        "operand-shape",
        `has b ${formatType(b)} of ${depth} rows, expected ${expected}, the columns of a ${formatType(a)}`,
      );
    const outer = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2), fail);
    const shape = [...outer, a.shape.at(-2)!, b.shape.at(-1)!];
    if (isPlain(a)) {
      requirePlain("a", a, numberElements, fail);
      requirePlain("b", b, numberElements, fail);
      requireSameElement("b", b, a, fail);
      return tensorType(a.element, shape);
    }
    const [left, right] = [requireActivation("a", a, fail), requireActivation("b", b, fail)];
    if (a.element === "i16" && b.element === "i16" && depth > 1)
      fail(
        "integer-form",
        "has two operands of 16 bits, whose products leave 32 bits, expected one of 8 bits",
      );
    return tensorType("i32", shape, perTensor(left.scale * right.scale, 0));
  },

  express({ a, b }, _, result) {
    const outer = axes(result.type.shape.slice(0, -2), []);
    const m = variable("m", result.type.shape.at(-2)!);
    const n = variable("n", result.type.shape.at(-1)!);
    const k = variable("k", a.type.shape.at(-1)!);
    const plain = isPlain(a.type);
    const element = (
      { tensor: operand, type }: ExpressOperand,
      row: typeof k,
      column: typeof k,
    ): Expression => {
      const e = load(operand, [...broadcastIndex(type.shape.slice(0, -2), outer), at(row), at(column)]);
      return plain ? e : sub(e, i32(zeroOf(type)));
    };
    const [left, right] = [element(a, m, k), element(b, k, n)];
    const value = plain
      ? reduceElements("add", a.type.element, [k], mulElements(a.type.element, left, right))
      : sum([k], mul(left, right), i32(0));
    return [compute(result.tensor, [...outer, m, n], value)];
  },

  macs: ({ a }, _, { shape }) => elementCount(shape) * a.shape.at(-1)!,

  evalStored({ a, b }, _, { operands, result }) {
    const [x, y] = [numbersOf(a), numbersOf(b)];
    const [za, zb] = [operands.a.quantization!.zero[0]!, operands.b.quantization!.zero[0]!];
    const [rows, columns, depth] = [result.shape.at(-2)!, result.shape.at(-1)!, a.shape.at(-1)!];
    const outer = result.shape.slice(0, -2);
    const out = new Int32Array(elementCount(result.shape));
    for (let i = 0; i < out.length; i++) {
      const batch = Math.floor(i / (rows * columns));
      const firstA = broadcastPosition(a.shape.slice(0, -2), outer, batch) * rows * depth;
      const firstB = broadcastPosition(b.shape.slice(0, -2), outer, batch) * depth * columns;
      const [m, n] = [Math.floor(i / columns) % rows, i % columns];
      let acc = 0n;
      for (let k = 0; k < depth; k++)
        acc += BigInt(x[firstA + m * depth + k]! - za) * BigInt(y[firstB + k * columns + n]! - zb);
      out[i] = Number(BigInt.asIntN(32, acc));
    }
    return tensor("i32", result.shape, out);
  },
});
