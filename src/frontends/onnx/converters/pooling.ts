/**
 * Pools. Rounding the number of windows up (ceil_mode) is padding after the last row that no window counts: largest elements and
 * averages over cells inside the input ignore it. An average that counts declared padding as zeros gets those zeros by
 * an explicit pad first, for the padding by rounding still does not count.
 *
 * A volume is pooled plane by plane, then along its depth: largest elements and averages over boxes come apart like that. LpPool is the
 * root of an average of powers. Global pools are reductions, which need no particular layout.
 */
import type { Value } from "../../../ir/graph.ts";
import { avgPool } from "../../../ops/avg-pool.ts";
import { maxPool } from "../../../ops/max-pool.ts";
import { maxPoolIndices } from "../../../ops/max-pool-indices.ts";
import { pad } from "../../../ops/pad.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMean } from "../../../ops/reduce-mean.ts";
import { elementCount } from "../../../tensor/tensor.ts";
import type { NodeView } from "../node-view.ts";
import { since, type ConverterTable } from "./converter.ts";
import { termsOf } from "./terms.ts";
import {
  asPlanes,
  asVolumes,
  fromChannelsLast,
  planeAttributes,
  planeKernel,
  readWindows,
  spatialExtents,
  toChannelsLast,
  windowsOver,
  type SpatialWindows,
} from "./windows.ts";

export const pooling: ConverterTable = {
  AveragePool: since(1, convertAveragePool, "one to three spatial axes"),
  GlobalAveragePool: since(1, (node) =>
    node.create(reduceMean, { input: node.value(0) }, { axes: spatialAxes(node), keepdims: true }),
  ),
  GlobalLpPool: since(1, convertGlobalLpPool),
  GlobalMaxPool: since(1, (node) =>
    node.create(reduceMax, { input: node.value(0) }, { axes: spatialAxes(node), keepdims: true }),
  ),
  LpPool: since(1, convertLpPool, "one to three spatial axes; p is real in 1"),
  MaxPool: since(1, convertMaxPool, "one to three spatial axes; indices of volumes are declined"),
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

/** Pools [N, H, W, C] by windows over both axes. */
type PlanePool = (input: Value, windows: SpatialWindows) => Value;

/** The same for one to three spatial axes, channels last. */
function overSpace(node: NodeView, input: Value, windows: SpatialWindows, pool: PlanePool): Value {
  if (windows.kernel.length < 3) return pool(input, windows);
  const depth = input.type.shape[1]!;
  const planes = asVolumes(node, pool(asPlanes(node, input), windowsOver(windows, 1, 3)), depth);
  const [batch, , height, width, channels] = planes.type.shape as [number, number, number, number, number];
  const columns = node.reshape(planes, [batch, depth, height * width, channels]);
  const along = windowsOver(windows, 0, 1);
  const pooled = pool(columns, {
    kernel: [...along.kernel, 1],
    strides: [...along.strides, 1],
    dilations: [...along.dilations, 1],
    begins: [...along.begins, 0],
    ends: [...along.ends, 0],
  });
  return node.reshape(pooled, [batch, pooled.type.shape[1]!, height, width, channels]);
}

function convertMaxPool(node: NodeView): Value[] {
  const declared = poolWindows(node);
  const columnsFirst = node.attributes.flag("storage_order") ?? false;
  const windows = { ...declared, ends: roundedEnds(node, declared) };
  const input = toChannelsLast(node, node.value(0));
  const attributesOf = (own: SpatialWindows) => ({ ...planeAttributes(own), kernel: planeKernel(own) });
  const rank = node.shape(0).length;
  const largest = overSpace(node, input, windows, (plane, own) =>
    node.create(maxPool, { input: plane }, attributesOf(own)),
  );
  const results = [fromChannelsLast(node, largest, rank)];
  if ((node.node.outputs[1] ?? "") === "") return results;
  if (rank === 5)
    return node.fail(
      "onnx-unsupported-output",
      "has its output Indices used, which is not supported for volumes",
    );
  const attributes = { ...attributesOf(windows), columns_first: columnsFirst };
  const places = node.create(maxPoolIndices, { input }, attributes);
  return [...results, fromChannelsLast(node, places, rank)];
}

function convertAveragePool(node: NodeView): Value {
  const declared = poolWindows(node);
  const countsPads = node.attributes.flag("count_include_pad") === true;
  const ends = roundedEnds(node, declared);
  const input = toChannelsLast(node, node.value(0));
  const result = averaged(node, input, { ...declared, ends }, declared.ends, countsPads);
  return fromChannelsLast(node, result, node.shape(0).length);
}

/** `countedEnds`: of the entries after the end, those that count where padding does. */
function averaged(
  node: NodeView,
  input: Value,
  windows: SpatialWindows,
  countedEnds: readonly number[],
  countsPads: boolean,
): Value {
  const rounds = windows.ends.join() !== countedEnds.join();
  const average =
    (count_include_pad: boolean): PlanePool =>
    (plane, own) =>
      node.create(
        avgPool,
        { input: plane },
        { ...planeAttributes(own), kernel: planeKernel(own), count_include_pad },
      );
  if (!countsPads || !rounds) return overSpace(node, input, windows, average(countsPads));
  const [before, after] = [windows.begins, countedEnds].map((counts) => [
    0,
    ...(counts.length === 1 ? [0] : []),
    ...counts,
    0,
  ]) as [number[], number[]];
  const padded = node.create(pad, { input }, { before, after, value: 0 });
  const begins = windows.begins.map(() => 0);
  const ends = windows.ends.map((end, i) => end - countedEnds[i]!);
  return overSpace(node, padded, { ...windows, begins, ends }, average(false));
}

/** Operator set 1 gave p as a real. */
const exponentOf = ({ opset, attributes }: NodeView): number =>
  (opset < 2 ? attributes.float("p") : attributes.int("p")) ?? 2;

/** (sum of |x|^p)^(1/p) */
function norm(node: NodeView, p: number, sumOf: (powers: Value) => Value): Value {
  const t = termsOf(node);
  const x = node.value(0);
  const powers = p === 2 ? t.times(x, x) : p === 1 ? t.size(x) : t.power(t.size(x), p);
  const sum = sumOf(powers);
  if (p === 1) return sum;
  return p === 2 ? t.root(sum) : t.power(sum, 1 / p);
}

function convertGlobalLpPool(node: NodeView): Value {
  return norm(node, exponentOf(node), (powers) => termsOf(node).sum(powers, spatialAxes(node)));
}

function convertLpPool(node: NodeView): Value {
  const declared = poolWindows(node);
  const windows = { ...declared, ends: roundedEnds(node, declared) };
  return norm(node, exponentOf(node), (powers) => {
    const mean = averaged(node, toChannelsLast(node, powers), windows, windows.ends, true);
    const sum = termsOf(node).times(mean, elementCount(windows.kernel));
    return fromChannelsLast(node, sum, node.shape(0).length);
  });
}
