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
import type { Converter, ConverterTable } from "./converter.ts";
import { elementwise } from "./elementwise.ts";
import { linear } from "./linear.ts";
import { logic } from "./logic.ts";
import { normalization } from "./normalization.ts";
import { pooling } from "./pooling.ts";
import { shape } from "./shape.ts";

export const quantized: ConverterTable = {
  QuantizeLinear: convertQuantize,
  DequantizeLinear: convertDequantize,
  QLinearConv: convertQLinearConv,
  QLinearMatMul: qlinear(linear.MatMul!, [0, 3], 6),
  "com.microsoft::QuantizeLinear": convertQuantize,
  "com.microsoft::DequantizeLinear": convertDequantize,
  "com.microsoft::QLinearAdd": qlinear(elementwise.Add!, [0, 3], 6),
  "com.microsoft::QLinearMul": qlinear(elementwise.Mul!, [0, 3], 6),
  "com.microsoft::QLinearLeakyRelu": qlinear(elementwise.LeakyRelu!, [0], 3),
  "com.microsoft::QLinearSigmoid": qlinear(elementwise.Sigmoid!, [0], 3),
  "com.microsoft::QLinearSoftmax": qlinear(normalization.Softmax!, [0], 3),
  "com.microsoft::QLinearAveragePool": qlinear(channelsFirst(pooling.AveragePool!), [0], 3),
  "com.microsoft::QLinearGlobalAveragePool": qlinear(channelsFirst(pooling.GlobalAveragePool!), [0], 3),
  "com.microsoft::QLinearConcat": convertQLinearConcat,
  "com.microsoft::QLinearWhere": convertQLinearWhere,
  "com.microsoft::QGemm": convertQGemm,
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
  return storedBy(node, resultOf(node, convolution.Conv!(node.withOperands(operands))), 6);
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
  const product = resultOf(node, linear.Gemm!(node.withOperands(operands, innerOpset)));
  return node.has(7) ? storedBy(node, product, 7) : product;
}

/** The condition, then two choices with their scales, then y's. */
function convertQLinearWhere(node: NodeView): Value {
  const choices = [1, 4].map((index) => computed(node.operand(index).name, realAt(node, index)));
  const chosen = logic.Where!(node.withOperands([node.operand(0), ...choices], innerOpset));
  return storedBy(node, resultOf(node, chosen), 7);
}

/** y's scale and zero point, then each input with its own. */
function convertQLinearConcat(node: NodeView): Value {
  const count = (node.operands.length - 2) / 3;
  const reals = Array.from({ length: count }, (_, i) =>
    computed(node.operand(2 + 3 * i).name, realAt(node, 2 + 3 * i)),
  );
  return storedBy(node, resultOf(node, shape.Concat!(node.withOperands(reals, innerOpset))), 0);
}
