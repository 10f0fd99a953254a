/**
 * ConvInteger and MatMulInteger: products of integers less their zero points, summed up in 32 bits,
 *
 *     y = sum of (a - za) (b - zb)
 *
 * Integers that a QuantizeLinear made stand for reals s (a - za), so that y is the sum of products of those reals and b - zb, divided by
 * s: a layer like any other, whose result the factors behind it bring into reals again. It stays a real then, which the Cast behind it
 * does not change. Plain integers are multiplied as integers, or in floats as long as those are exact.
 */
import type { Value } from "../../../ir/graph.ts";
import { elementCount } from "../../../tensor/tensor.ts";
import type { NodeView } from "../node-view.ts";
import { isKnown, type Operand } from "../operand.ts";
import { storedReals } from "../quantization.ts";
import { since, type ConverterTable } from "./converter.ts";
import { convolution } from "./convolution.ts";
import { linear } from "./linear.ts";
import { termsOf } from "./terms.ts";

export const integerProducts: ConverterTable = {
  ConvInteger: since(10, convertConvInteger),
  MatMulInteger: since(10, convertMatMulInteger),
};

/** Integers up to this are exact in float32. */
const exactInFloat = 2 ** 24;
/** The largest product of two differences of bytes. */
const largestProduct = 255 * 255;

interface Centred {
  /** `scale` times the integers less their zero point. */
  readonly value: Value;
  /** Of integers that stand for reals; undefined for plain ones. */
  readonly scale?: number;
}

/** The input `index` less the zero point at `zero`, whose entries, if there are several, lie along an axis: `shape` brings them there. */
function centred(
  node: NodeView,
  index: number,
  zero: number,
  element: "f32" | "i32",
  shape: (count: number) => readonly number[],
): Centred {
  const stored = storedReals(node, index, zero);
  if (stored !== undefined) return stored;
  const t = termsOf(node);
  const value = t.as(element, node.value(index));
  if (!node.has(zero)) return { value };
  const count = elementCount(node.shape(zero));
  const zeros = t.as(element, node.value(zero));
  return { value: t.minus(value, node.reshape(zeros, count === 1 ? [] : shape(count))) };
}

const isStored = (operand: Operand): boolean =>
  !isKnown(operand) && operand.value.type.quantization !== undefined;

function convertMatMulInteger(node: NodeView): Value {
  const element = isStored(node.operand(0)) ? "f32" : "i32";
  const a = centred(node, 0, 2, element, (rows) => [rows, 1]);
  const b = centred(node, 1, 3, element, (columns) => [1, columns]);
  return product(node, a, b, (inner) => linear.MatMul!.convert(inner) as Value);
}

function convertConvInteger(node: NodeView): Value {
  const a = centred(node, 0, 2, "f32", () =>
    node.fail("onnx-quantization", "has several zero points of its input, expected one"),
  );
  const b = centred(node, 1, 3, "f32", (outputs) => [outputs, 1, 1, 1]);
  const summed = elementCount(node.shape(1).slice(1));
  if (a.scale === undefined && summed * largestProduct >= exactInFloat)
    node.fail(
      "onnx-too-large",
      `sums up ${summed} products of plain integers, which float32 does not hold exactly`,
      {
        help: "quantize its input by QuantizeLinear with a constant scale",
      },
    );
  const sum = product(node, a, b, (inner) => convolution.Conv!.convert(inner) as Value);
  return a.scale === undefined ? termsOf(node).as("i32", sum) : sum;
}

function product(node: NodeView, a: Centred, b: Centred, multiply: (inner: NodeView) => Value): Value {
  const operands = [a, b].map(({ value }, i) => ({ name: node.operand(i).name, value }));
  const result = multiply(node.withOperands(operands));
  const scale = (a.scale ?? 1) * (b.scale ?? 1);
  return scale === 1 ? result : termsOf(node).times(result, 1 / scale);
}
