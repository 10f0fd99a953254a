/** Normalization over the last axis, and over an image: what ONNX has of ours under names of its own. */
import { layerNorm } from "../../../src/ops/layer-norm.ts";
import { axisOf } from "../../../src/ops/type-rules.ts";
import { tensor } from "../../../src/tensor/tensor.ts";
import { float, int } from "../attributes.ts";
import { allOperands, inPlainOrder, row, type Row, type Writer } from "./writer.ts";

export const normalization: readonly Row[] = [
  inPlainOrder(
    row(layerNorm, (writer, { axes: given, epsilon, centre }) => {
      const { shape } = writer.value(0).type;
      const last = shape.length - 1;
      const axes = given.map((axis) => axisOf(axis, shape.length));
      const isImage = axes.length === last - 1 && !axes.includes(0) && !axes.includes(last) && last > 1;
      if (!centre || !(isImage || axes.join() === String(last)))
        return writer.fail(
          `'layer_norm' over axes [${axes.join(", ")}]${centre ? "" : " without centring"} is none of ONNX's normalizations`,
          "leave out the target onnx",
        );
      if (!isImage)
        return writer.node("LayerNormalization", allOperands(writer), {
          axis: int(-1),
          epsilon: float(epsilon),
        });
      const order = [0, last, ...axes];
      const operands = [writer.operand(0, order), writer.operand(1), offset(writer, shape[last]!)];
      return { name: writer.node("InstanceNormalization", operands, { epsilon: float(epsilon) }), order };
    }),
  ),
];

/** ONNX wants an offset; ours may have none. */
const offset = (writer: Writer, channels: number): string =>
  writer.operation.operands.length > 2
    ? writer.operand(2)
    : writer.constant("offset", tensor("f32", [channels]));
