/** Convolutions. Weights [O, I / groups, KH, KW] become [O, KH, KW, I / groups], at import where they are known. */
import type { Value } from "../../../ir/graph.ts";
import { conv2d } from "../../../ops/conv2d.ts";
import type { NodeView } from "../node-view.ts";
import type { ConverterTable } from "./converter.ts";
import { convertConvTranspose } from "./transposed-convolution.ts";
import { fromChannelsLast, planeAttributes, readWindows, spatialExtents, toChannelsLast } from "./windows.ts";

export const convolution: ConverterTable = { Conv: convertConv, ConvTranspose: convertConvTranspose };

function convertConv(node: NodeView): Value {
  const extents = spatialExtents(node);
  const rank = extents.length + 2;
  const weightShape = node.shape(1);
  if (weightShape.length !== rank)
    node.fail(
      "operand-shape",
      `has a weight [${weightShape.join(", ")}] of rank ${weightShape.length}, expected ${rank} as its input`,
    );
  const [outputs, depth, ...kernel] = weightShape as [number, number, ...number[]];
  const declared = node.attributes.ints("kernel_shape") ?? kernel;
  if (declared.join() !== kernel.join())
    node.fail(
      "operand-shape",
      `has a weight of kernel [${kernel.join(", ")}], expected its kernel_shape [${declared.join(", ")}]`,
    );
  const windows = readWindows(node, extents, kernel);
  const weight = node.weight(1, {
    permutation: [0, 2, 3, 1],
    ...(rank === 3 ? { shape: [outputs, depth, 1, kernel[0]!] } : {}),
  });
  const result = node.create(
    conv2d,
    {
      input: toChannelsLast(node, node.value(0)),
      weight,
      ...(node.has(2) ? { bias: node.weight(2) } : {}),
    },
    { ...planeAttributes(windows), groups: node.attributes.int("group") ?? 1 },
  );
  return fromChannelsLast(node, result, rank);
}
