/** Sums of products: convolutions, fully connected layers, matrix products. Weights are written in ONNX's order of axes. */
import { conv2d } from "../../../src/ops/conv2d.ts";
import { einsum } from "../../../src/ops/einsum.ts";
import { linear as fullyConnected } from "../../../src/ops/linear.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import { int, ints } from "../attributes.ts";
import { channelsFirst } from "./channels-first.ts";
import { row, same, type Row } from "./writer.ts";

export const linear: readonly Row[] = [
  row(conv2d, (writer, { strides, pads, dilations, groups }) => {
    const [, height, width] = writer.value(1).type.shape as [number, number, number];
    const bias = writer.operation.operands.length > 2 ? [writer.operand(2)] : [];
    const operands = [writer.operand(0, channelsFirst), writer.operand(1, channelsFirst), ...bias];
    const name = writer.node("Conv", operands, {
      kernel_shape: ints([height, width]),
      strides: ints(strides),
      pads: ints(pads),
      dilations: ints(dilations),
      group: int(groups),
    });
    return { name, order: channelsFirst };
  }),
  row(fullyConnected, (writer) => {
    const bias = writer.operation.operands.length > 2 ? [writer.operand(2)] : [];
    if (writer.value(0).type.shape.length === 2)
      return writer.node("Gemm", [writer.operand(0), writer.operand(1), ...bias], { transB: int(1) });
    // Gemm takes matrices only.
    const product = writer.node("MatMul", [writer.operand(0), writer.operand(1, [1, 0])]);
    return bias.length === 0 ? product : writer.node("Add", [product, ...bias]);
  }),
  row(matmul, same("MatMul")),
  row(einsum, same("Einsum")),
];
