/** Batch normalization and softmax, with what changed between versions of the operator set. */
import type { Value } from "../../../ir/graph.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { softmax } from "../../../ops/softmax.ts";
import { elementCount } from "../../../tensor/tensor.ts";
import { axisAt, type NodeView } from "../node-view.ts";
import type { ConverterTable } from "./converter.ts";

export const normalization: ConverterTable = {
  BatchNormalization: convertBatchNormalization,
  Softmax: convertSoftmax,
};

/** At inference. Until operator set 13 a node said that it trains by its further outputs, since then by an attribute. */
function convertBatchNormalization(node: NodeView): Value {
  const { attributes } = node;
  attributes.ignore("momentum", "is_test");
  if (attributes.flag("training_mode") === true)
    node.fail("onnx-training", "is in training mode, expected inference", {
      help: "export the model for inference (model.eval(), training=False)",
    });
  if (attributes.flag("spatial") === false)
    node.fail("onnx-attribute", "has spatial = 0, expected statistics per channel");
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => node.weight(index)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  return node.create(
    batchNorm,
    { input: node.value(0), scale, bias, mean, variance },
    { epsilon: attributes.float("epsilon") ?? 1e-5, axis: 1 },
  );
}

/**
 * Until operator set 12 softmax flattened all axes from `axis` on into one, and summed over that. Where those behind `axis` have
 * one entry, both mean the same.
 */
function convertSoftmax(node: NodeView): Value {
  const shape = node.shape(0);
  const flattens = node.opset < 13;
  const given = node.attributes.int("axis") ?? (flattens ? 1 : -1);
  const input = node.value(0);
  if (flattens && given === shape.length) {
    const ones = node.create(softmax, { input: node.reshape(input, [...shape, 1]) }, { axis: -1 });
    return node.reshape(ones, shape);
  }
  const axis = axisAt(node, given, shape.length);
  if (!flattens || shape.slice(axis + 1).every((extent) => extent === 1))
    return node.create(softmax, { input }, { axis });
  const matrix = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))];
  return node.reshape(node.create(softmax, { input: node.reshape(input, matrix) }, { axis: 1 }), shape);
}
