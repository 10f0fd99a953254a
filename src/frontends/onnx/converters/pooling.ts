/**
 * Pools. Rounding the number of windows up (ceil_mode) is padding after the last row that no window counts: largest elements and
 * averages over cells inside the input ignore it. An average that counts declared padding as zeros gets those zeros by
 * an explicit pad first, for the padding by rounding still does not count.
 *
 * Global pools are reductions, which need no particular layout.
 */
import type { Value } from "../../../ir/graph.ts";
import { avgPool } from "../../../ops/avg-pool.ts";
import { maxPool } from "../../../ops/max-pool.ts";
import { pad } from "../../../ops/pad.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMean } from "../../../ops/reduce-mean.ts";
import type { NodeView } from "../node-view.ts";
import type { ConverterTable } from "./converter.ts";
import {
  fromChannelsLast,
  planeAttributes,
  planeKernel,
  readWindows,
  spatialExtents,
  toChannelsLast,
  type SpatialWindows,
} from "./windows.ts";

export const pooling: ConverterTable = {
  AveragePool: convertAveragePool,
  GlobalAveragePool: (node) =>
    node.create(reduceMean, { input: node.value(0) }, { axes: spatialAxes(node), keepdims: true }),
  GlobalMaxPool: (node) =>
    node.create(reduceMax, { input: node.value(0) }, { axes: spatialAxes(node), keepdims: true }),
  MaxPool: convertMaxPool,
};

function spatialAxes(node: NodeView): number[] {
  const { length } = node.shape(0);
  if (length < 3) node.fail("onnx-rank", `works on an input of rank ${length}, expected at least 3`);
  return Array.from({ length: length - 2 }, (_, i) => i + 2);
}

function poolWindows(node: NodeView): SpatialWindows {
  const kernel = node.attributes.required("kernel_shape", node.attributes.ints("kernel_shape"));
  return readWindows(node, spatialExtents(node), kernel);
}

/** Entries after the end that the windows added by rounding up need; a window that would start there is not added. */
function roundedEnds(node: NodeView, windows: SpatialWindows): readonly number[] {
  const { kernel, strides, dilations, begins, ends } = windows;
  if (node.attributes.flag("ceil_mode") !== true) return ends;
  return spatialExtents(node).map((extent, i) => {
    const stride = strides[i]!;
    const reach = (kernel[i]! - 1) * dilations[i]! + 1;
    const rounded = Math.ceil((extent + begins[i]! + ends[i]! - reach) / stride);
    const last = rounded * stride < extent + begins[i]! ? rounded : rounded - 1;
    return Math.max(ends[i]!, last * stride + reach - extent - begins[i]!);
  });
}

function convertMaxPool(node: NodeView): Value {
  const declared = poolWindows(node);
  node.attributes.ignore("storage_order");
  const windows = { ...declared, ends: roundedEnds(node, declared) };
  const input = toChannelsLast(node, node.value(0));
  const result = node.create(
    maxPool,
    { input },
    { ...planeAttributes(windows), kernel: planeKernel(windows) },
  );
  return fromChannelsLast(node, result, node.shape(0).length);
}

function convertAveragePool(node: NodeView): Value {
  const declared = poolWindows(node);
  if (declared.dilations.some((dilation) => dilation !== 1))
    node.fail("onnx-attribute", `has dilations [${declared.dilations.join(", ")}], expected 1`, {
      help: "average pools with gaps are not supported",
    });
  const countsPads = node.attributes.flag("count_include_pad") === true;
  const ends = roundedEnds(node, declared);
  const rounds = ends.join() !== declared.ends.join();
  let input = toChannelsLast(node, node.value(0));
  let windows = { ...declared, ends };
  if (countsPads && rounds) {
    const { pads } = planeAttributes(declared);
    const [top, left, bottom, right] = pads as [number, number, number, number];
    input = node.create(
      pad,
      { input },
      { before: [0, top, left, 0], after: [0, bottom, right, 0], value: 0 },
    );
    const none = declared.begins.map(() => 0);
    windows = { ...declared, begins: none, ends: ends.map((end, i) => end - declared.ends[i]!) };
  }
  const { strides, pads } = planeAttributes(windows);
  const result = node.create(
    avgPool,
    { input },
    { kernel: planeKernel(windows), strides, pads, count_include_pad: countsPads && !rounds },
  );
  return fromChannelsLast(node, result, node.shape(0).length);
}
