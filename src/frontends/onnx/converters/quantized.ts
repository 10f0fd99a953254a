/**
 * Quantized operators: QuantizeLinear and DequantizeLinear themselves, and those that hold integers inside (QLinear…, of
 * ONNX and of ONNX Runtime's com.microsoft), which mean the operator on dequantized inputs with its result quantized. They
 * are converted as that, by the row of the operator they are named after.
 */
import type { Value } from "../../../ir/graph.ts";
import { perTensor, type Quantization } from "../../../ir/types.ts";
import type { NodeView } from "../node-view.ts";
import { isTensor, type Converted, type Operand } from "../operand.ts";
import { quantizationAt, realAt, realOf, storedBy } from "../quantization.ts";
import { convolution } from "./convolution.ts";
import { since, type Converter, type ConverterTable } from "./converter.ts";
import { elementwise } from "./elementwise.ts";
import { linear } from "./linear.ts";
import { logic } from "./logic.ts";
import { normalization } from "./normalization.ts";
import { pooling } from "./pooling.ts";
import { shape } from "./shape.ts";

export const quantized: ConverterTable = {
  QuantizeLinear: since(
    10,
    convertQuantize,
    "scales must be constant, along an axis for constants only; blocks, 4 bits and 8-bit floats are declined",
  ),
  DequantizeLinear: since(
    10,
    convertDequantize,
    "scales must be constant, along an axis for constants only; blocks, 4 bits and 8-bit floats are declined",
  ),
  QLinearConv: since(10, convertQLinearConv),
  QLinearMatMul: since(10, qlinear(linear.MatMul!.convert, [0, 3], 6)),
  "com.microsoft::QuantizeLinear": since(1, convertQuantize),
  "com.microsoft::DequantizeLinear": since(1, convertDequantize),
  "com.microsoft::QLinearAdd": since(1, qlinear(elementwise.Add!.convert, [0, 3], 6)),
  "com.microsoft::QLinearMul": since(1, qlinear(elementwise.Mul!.convert, [0, 3], 6)),
  "com.microsoft::QLinearLeakyRelu": since(1, qlinear(elementwise.LeakyRelu!.convert, [0], 3)),
  "com.microsoft::QLinearSigmoid": since(1, qlinear(elementwise.Sigmoid!.convert, [0], 3)),
  "com.microsoft::QLinearSoftmax": since(1, qlinear(normalization.Softmax!.convert, [0], 3)),
  "com.microsoft::QLinearAveragePool": since(1, qlinear(channelsFirst(pooling.AveragePool!.convert), [0], 3)),
  "com.microsoft::QLinearGlobalAveragePool": since(
    1,
    qlinear(channelsFirst(pooling.GlobalAveragePool!.convert), [0], 3),
  ),
  "com.microsoft::QLinearConcat": since(1, convertQLinearConcat),
  "com.microsoft::QLinearWhere": since(1, convertQLinearWhere),
  "com.microsoft::QGemm": since(1, convertQGemm),
};

/** The rules that an operator inside one of com.microsoft goes by. */
const innerOpset = 13;

const computed = (name: string, value: Value): Operand => ({ name, value });

const resultOf = (node: NodeView, converted: Converted | readonly Converted[]): Value => {
  const [first] = (Array.isArray(converted) ? converted : [converted]) as [Converted];
  return isTensor(first) ? node.constant(first, "result") : first;
};

/** The integers at `inputs`, each with scale and zero point behind it, through `row`, to those of the scale at `result`. */
function qlinear(row: Converter, inputs: readonly number[], result: number): Converter {
  return (node) => {
    const reals = inputs.map((index) => computed(node.operand(index).name, realAt(node, index)));
    const opset = node.node.domain === "" ? node.opset : (node.attributes.int("opset") ?? innerOpset);
    return storedBy(node, resultOf(node, row(node.withOperands(reals, opset))), result);
  };
}

/** Pools of com.microsoft may have their channels last. */
function channelsFirst(row: Converter): Converter {
  return (node) => {
    if (node.attributes.flag("channels_last") !== true) return row(node);
    const rank = node.shape(0).length;
    const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 1);
    const first = node.transpose(node.value(0), [0, rank - 1, ...spatial]);
    const pooled = resultOf(node, row(node.withOperands([computed(node.operand(0).name, first)])));
    return node.transpose(pooled, [0, ...spatial.map((axis) => axis + 1), 1]);
  };
}

function requireWhole(node: NodeView): void {
  const block = node.attributes.int("block_size") ?? 0;
  if (block !== 0)
    node.fail("onnx-attribute", `has block_size ${block}, expected one scale for a tensor or an axis`);
  node.attributes.ignore("saturate", "precision", "output_dtype");
}

function convertQuantize(node: NodeView): Value {
  const axis = node.attributes.int("axis") ?? 1;
  const fallback = node.attributes.int("output_dtype") === 3 ? "i8" : "u8";
  requireWhole(node);
  return storedBy(node, node.value(0), 1, { axis, fallback });
}

function convertDequantize(node: NodeView): Value {
  const axis = node.attributes.int("axis") ?? 1;
  requireWhole(node);
  return realAt(node, 0, axis);
}

/** x, w and y with their scales, then a bias in the scale of the product. */
function convertQLinearConv(node: NodeView): Value {
  const operands = [
    computed(node.operand(0).name, realAt(node, 0)),
    computed(node.operand(3).name, realAt(node, 3, 0)),
    ...biasOf(node, 8, quantizationAt(node, 1, []), quantizationAt(node, 4, node.shape(3), 0)),
  ];
  return storedBy(node, resultOf(node, convolution.Conv!.convert(node.withOperands(operands))), 6);
}

function biasOf(node: NodeView, index: number, input: Quantization, weight: Quantization): Operand[] {
  if (!node.has(index)) return [];
  const operand = node.operand(index);
  const scale = weight.scale.map((s) => s * input.scale[0]!);
  const product = scale.length === 1 ? perTensor(scale[0]!, 0) : { scale, zero: scale.map(() => 0), axis: 0 };
  return [computed(operand.name, realOf(node, operand, product))];
}

/** A and B with their scales, C in the scale of alpha times their product, then y's. */
function convertQGemm(node: NodeView): Value {
  const alpha = node.attributes.float("alpha") ?? 1;
  if (alpha !== 1) node.fail("onnx-attribute", `has alpha ${alpha}, expected 1`);
  const columns = node.attributes.flag("transB") === true ? 0 : 1;
  const operands = [
    computed(node.operand(0).name, realAt(node, 0)),
    computed(node.operand(3).name, realAt(node, 3, columns)),
    ...biasOf(node, 6, quantizationAt(node, 1, []), quantizationAt(node, 4, node.shape(3), columns)),
  ];
  const product = resultOf(node, linear.Gemm!.convert(node.withOperands(operands, innerOpset)));
  return node.has(7) ? storedBy(node, product, 7) : product;
}

/** The condition, then two choices with their scales, then y's. */
function convertQLinearWhere(node: NodeView): Value {
  const choices = [1, 4].map((index) => computed(node.operand(index).name, realAt(node, index)));
  const chosen = logic.Where!.convert(node.withOperands([node.operand(0), ...choices], innerOpset));
  return storedBy(node, resultOf(node, chosen), 7);
}

/** y's scale and zero point, then each input with its own. */
function convertQLinearConcat(node: NodeView): Value {
  const count = (node.operands.length - 2) / 3;
  const reals = Array.from({ length: count }, (_, i) =>
    computed(node.operand(2 + 3 * i).name, realAt(node, 2 + 3 * i)),
  );
  return storedBy(node, resultOf(node, shape.Concat!.convert(node.withOperands(reals, innerOpset))), 0);
}
