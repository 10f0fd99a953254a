/**
 * Convolutions. Weights [O, I / groups, KH, KW] become [O, KH, KW, I / groups], at import where they are known.
 *
 * A volume's convolution is a sum of plane convolutions, one for each depth of the kernel, over the planes which that depth meets:
 *
 *     y[n, d] = sum over k of conv2d(x[n, d * stride + k * dilation - front], w[k])
 *
 * where planes of all batches and depths go through conv2d as one batch.
 */
import type { Value } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { conv2d } from "../../../ops/conv2d.ts";
import { pad } from "../../../ops/pad.ts";
import { slice } from "../../../ops/slice.ts";
import type { NodeView } from "../node-view.ts";
import { since, type ConverterTable } from "./converter.ts";
import { convertConvTranspose } from "./transposed-convolution.ts";
import {
  asPlanes,
  asVolumes,
  fromChannelsLast,
  planeAttributes,
  readWindows,
  spatialExtents,
  toChannelsLast,
  windowsOver,
  type SpatialWindows,
} from "./windows.ts";

export const convolution: ConverterTable = {
  Conv: since(1, convertConv, "one to three spatial axes"),
  ConvTranspose: since(1, convertConvTranspose, "one to three spatial axes; the weight must be constant"),
};

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
  const groups = node.attributes.int("group") ?? 1;
  if (rank === 5) return fromChannelsLast(node, convolveVolumes(node, windows, groups), rank);
  const weight = node.weight(1, {
    permutation: [0, 2, 3, 1],
    ...(rank === 3 ? { shape: [outputs, depth, 1, kernel[0]!] } : {}),
  });
  const result = node.create(
    conv2d,
    { input: toChannelsLast(node, node.value(0)), weight, ...(node.has(2) ? { bias: node.weight(2) } : {}) },
    { ...planeAttributes(windows), groups },
  );
  return fromChannelsLast(node, result, rank);
}

function convolveVolumes(node: NodeView, windows: SpatialWindows, groups: number): Value {
  const input = toChannelsLast(node, node.value(0));
  const [front, back] = [windows.begins[0]!, windows.ends[0]!];
  const [stride, dilation, kernel] = [windows.strides[0]!, windows.dilations[0]!, windows.kernel[0]!];
  const padded = node.create(
    pad,
    { input },
    { before: [0, front, 0, 0, 0], after: [0, back, 0, 0, 0], value: 0 },
  );
  const reach = (kernel - 1) * dilation + 1;
  const depth = Math.floor((padded.type.shape[1]! - reach) / stride) + 1;
  if (depth < 1)
    node.fail(
      "operand-shape",
      `has a window of depth ${reach}, expected at most the padded input's ${padded.type.shape[1]!}`,
    );
  // [O, I, KD, KH, KW] to [KD, O, KH, KW, I].
  const weights = node.weight(1, { permutation: [2, 0, 3, 4, 1] });
  const attributes = { ...planeAttributes(windowsOver(windows, 1, 3)), groups };
  const part = (value: Value, axis: number, start: number, end: number, step = 1): Value =>
    node.create(slice, { input: value }, { starts: [start], ends: [end], axes: [axis], steps: [step] });
  const terms = Array.from({ length: kernel }, (_, k) => {
    const first = k * dilation;
    const met = part(padded, 1, first, first + (depth - 1) * stride + 1, stride);
    const weight = node.reshape(part(weights, 0, k, k + 1), weights.type.shape.slice(1));
    const bias = k === 0 && node.has(2) ? { bias: node.weight(2) } : {};
    return node.create(conv2d, { input: asPlanes(node, met), weight, ...bias }, attributes);
  });
  const sum = terms.reduce((lhs, rhs) => node.create(add, { lhs, rhs }, {}));
  return asVolumes(node, sum, depth);
}
