/**
 * Windows of convolutions and pools, and the way to our layout. ONNX has channels second (NCHW), our operators last, so such a
 * node becomes transpose, operator, transpose; passes sink and cancel those. One spatial dimension is a height of 1.
 *
 * Along one axis, with extent n, window reach r = (kernel - 1) * dilation + 1 and stride s, SAME means ceil(n / s) windows, thus
 * max((ceil(n / s) - 1) * s + r - n, 0) entries of padding, the odd one after (SAME_UPPER) or before (SAME_LOWER).
 */
import type { Value } from "../../../ir/graph.ts";
import type { NodeView } from "../node-view.ts";

/** Lists with one entry for each spatial axis of ONNX's. */
export interface SpatialWindows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after. */
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/** The spatial extents of the node's first input: one, two or three of them. */
export function spatialExtents(node: NodeView): readonly number[] {
  const [, , ...extents] = node.shape(0);
  if (extents.length >= 1 && extents.length <= 3) return extents;
  return node.fail(
    "onnx-rank",
    `works on an input [${node.shape(0).join(", ")}], expected batch, channels and one to three spatial axes`,
  );
}

const repeated = (count: number, value: number): number[] => Array<number>(count).fill(value);

export function readWindows(
  node: NodeView,
  extents: readonly number[],
  kernel: readonly number[],
): SpatialWindows {
  const { attributes } = node;
  const rank = extents.length;
  const list = (name: string, count: number, fallback: number): readonly number[] => {
    const values = attributes.ints(name) ?? repeated(count, fallback);
    if (values.length !== count)
      node.fail("onnx-attribute", `has ${values.length} entries in '${name}', expected ${count}`);
    if (values.some((value) => value < fallback))
      node.fail("onnx-attribute", `has ${name} [${values.join(", ")}], expected at least ${fallback}`);
    return values;
  };
  if (kernel.length !== rank)
    node.fail("onnx-attribute", `has a kernel of ${kernel.length} axes, expected ${rank}`);
  const strides = list("strides", rank, 1);
  const dilations = list("dilations", rank, 1);
  const pads = list("pads", 2 * rank, 0);
  const windows = { kernel, strides, dilations };
  const mode = attributes.string("auto_pad") ?? "NOTSET";
  switch (mode) {
    case "NOTSET":
    case "":
      return { ...windows, begins: pads.slice(0, rank), ends: pads.slice(rank) };
    case "VALID":
      return { ...windows, begins: repeated(rank, 0), ends: repeated(rank, 0) };
    case "SAME_UPPER":
    case "SAME_LOWER": {
      const totals = extents.map((extent, i) => {
        const reach = (kernel[i]! - 1) * dilations[i]! + 1;
        return Math.max((Math.ceil(extent / strides[i]!) - 1) * strides[i]! + reach - extent, 0);
      });
      const smaller = totals.map((total) => Math.floor(total / 2));
      const larger = totals.map((total, i) => total - smaller[i]!);
      return mode === "SAME_UPPER"
        ? { ...windows, begins: smaller, ends: larger }
        : { ...windows, begins: larger, ends: smaller };
    }
    default:
      return node.fail(
        "onnx-attribute",
        `has auto_pad '${mode}', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID`,
      );
  }
}

/** For two axes, a height that does nothing if there was none. */
const plane = (values: readonly number[], nothing: number): readonly number[] =>
  values.length === 1 ? [nothing, values[0]!] : values;

/** The attributes of our operators. */
export const planeAttributes = ({ strides, dilations, begins, ends }: SpatialWindows) => ({
  strides: plane(strides, 1),
  dilations: plane(dilations, 1),
  pads: [...plane(begins, 0), ...plane(ends, 0)],
});

export const planeKernel = ({ kernel }: SpatialWindows): readonly number[] => plane(kernel, 1);

/** [N, C, H, W] or [N, C, L] to [N, H, W, C], volumes to [N, D, H, W, C]. The transpose stands outside, where it can meet its neighbour's. */
export function toChannelsLast(node: NodeView, input: Value): Value {
  if (input.type.shape.length === 5) return node.transpose(input, [0, 2, 3, 4, 1]);
  if (input.type.shape.length === 4) return node.transpose(input, [0, 2, 3, 1]);
  const last = node.transpose(input, [0, 2, 1]);
  const [batch, length, channels] = last.type.shape as [number, number, number];
  return node.reshape(last, [batch, 1, length, channels]);
}

/** Back to ONNX's layout of `rank` axes. */
export function fromChannelsLast(node: NodeView, result: Value, rank: number): Value {
  if (rank === 5) return node.transpose(result, [0, 4, 1, 2, 3]);
  if (rank === 4) return node.transpose(result, [0, 3, 1, 2]);
  const [batch, , length, channels] = result.type.shape as [number, number, number, number];
  return node.transpose(node.reshape(result, [batch, length, channels]), [0, 2, 1]);
}

/** The windows over one or two of three axes. */
export const windowsOver = (windows: SpatialWindows, from: number, to: number): SpatialWindows => ({
  kernel: windows.kernel.slice(from, to),
  strides: windows.strides.slice(from, to),
  dilations: windows.dilations.slice(from, to),
  begins: windows.begins.slice(from, to),
  ends: windows.ends.slice(from, to),
});

/** One depth of each volume [N, D, H, W, C] after another, as [N * D, H, W, C]. */
export function asPlanes(node: NodeView, volumes: Value): Value {
  const [batch, depth, ...plane] = volumes.type.shape as [number, number, ...number[]];
  return node.reshape(volumes, [batch * depth, ...plane]);
}

export function asVolumes(node: NodeView, planes: Value, depth: number): Value {
  const [count, ...plane] = planes.type.shape as [number, ...number[]];
  return node.reshape(planes, [count / depth, depth, ...plane]);
}
