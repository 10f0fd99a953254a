/**
 * Resize, and Upsample before it. Each axis is resized by itself: nearest entries are gathered, others are sums of a few, both with
 * tables made here (interpolation.ts). What weighted sums give to the next axis is kept in 16 bits, so that only the last one rounds.
 */
import type { Value } from "../../../ir/graph.ts";
import { gather } from "../../../ops/gather.ts";
import { resample } from "../../../ops/resample.ts";
import { wideValue } from "../../../ops/wide-value.ts";
import { numbersOf, saturatedNumbersOf, tensor } from "../../../tensor/tensor.ts";
import { axisAt, type NodeView } from "../node-view.ts";
import { since, type ConverterTable } from "./converter.ts";
import {
  coordinates,
  isOutside,
  nearestEntries,
  roundings,
  tapsOf,
  type Coordinates,
  type Filter,
  type ResizedAxis,
  type Rounding,
} from "./interpolation.ts";
import { termsOf } from "./terms.ts";

export const resizing: ConverterTable = {
  Resize: since(
    10,
    convertResize,
    "10 has scales only, 11 brought coordinates and modes, 18 antialias, axes and aspect ratios; scales, sizes and roi must be constant",
  ),
  Upsample: since(1, convertUpsample, { until: 9, remark: "scales must be constant; Resize since 10" }),
};

/** How entries are found, the same for all axes. */
interface Method {
  /** Undefined for weighted sums. `outwards`: up where the axis shrinks, down where it grows, as before operator set 11. */
  readonly nearest: Rounding | "outwards" | undefined;
  readonly filter: Filter;
  /** What stands where a region reaches outside. */
  readonly extrapolation: number;
}

const plainFilter: Filter = { kind: "linear", coefficient: -0.75, antialias: false, excludeOutside: false };

/** Upsample, and Resize of operator set 10, know two modes and no transformation of coordinates. */
const earlyMethod = (node: NodeView): Method => {
  const mode = node.attributes.string("mode") ?? "nearest";
  if (!["nearest", "linear", "bilinear"].includes(mode))
    node.fail("onnx-attribute", `has mode '${mode}', expected nearest or linear`);
  return { nearest: mode === "nearest" ? "outwards" : undefined, filter: plainFilter, extrapolation: 0 };
};

function convertUpsample(node: NodeView): Value {
  const { attributes } = node;
  const scales = node.has(1) ? Array.from(numbersOf(node.known(1, "scales"))) : scalesOfSet1(node);
  return resized(
    node,
    scaledAxes(node, attributes.required("scales", scales), "asymmetric"),
    earlyMethod(node),
  );
}

function scalesOfSet1({ attributes }: NodeView): readonly number[] | undefined {
  const [height, width] = [attributes.float("height_scale"), attributes.float("width_scale")];
  if (height !== undefined && width !== undefined) return [1, 1, height, width];
  return attributes.floats("scales");
}

function scaledAxes(node: NodeView, scales: readonly number[], mode: Coordinates): ResizedAxis[] {
  const shape = node.shape(0);
  if (scales.length !== shape.length)
    node.fail("onnx-attribute", `has ${scales.length} scales, expected ${shape.length}`);
  return shape.map((from, axis) => {
    const scale = scales[axis]!;
    if (!(scale > 0)) node.fail("onnx-attribute", `has scale ${scale}, expected more than 0`);
    return { from, to: Math.floor(from * scale), scale, coordinates: mode, region: [0, 1] };
  });
}

function convertResize(node: NodeView): Value {
  if (node.opset < 11) {
    const scales = Array.from(numbersOf(node.known(1, "scales")));
    return resized(node, scaledAxes(node, scales, "asymmetric"), earlyMethod(node));
  }
  const { attributes } = node;
  const mode = attributes.string("mode") ?? "nearest";
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic")
    return node.fail("onnx-attribute", `has mode '${mode}', expected nearest, linear or cubic`);
  const rounding = attributes.string("nearest_mode") ?? "round_prefer_floor";
  if (!roundings.includes(rounding))
    node.fail("onnx-attribute", `has nearest_mode '${rounding}', expected ${roundings.join(" or ")}`);
  const method: Method = {
    nearest: mode === "nearest" ? (rounding as Rounding) : undefined,
    filter: {
      kind: mode === "cubic" ? "cubic" : "linear",
      coefficient: attributes.float("cubic_coeff_a") ?? -0.75,
      antialias: attributes.flag("antialias") ?? false,
      excludeOutside: attributes.flag("exclude_outside") ?? false,
    },
    extrapolation: attributes.float("extrapolation_value") ?? 0,
  };
  return resized(node, resizeAxes(node), method);
}

/** From scales or sizes, for all axes or those that are named. */
function resizeAxes(node: NodeView): ResizedAxis[] {
  const { attributes } = node;
  const shape = node.shape(0);
  const mode = attributes.string("coordinate_transformation_mode") ?? "half_pixel";
  if (!coordinates.includes(mode))
    node.fail(
      "onnx-attribute",
      `has coordinate_transformation_mode '${mode}', expected ${coordinates.join(" or ")}`,
    );
  const named = attributes.ints("axes")?.map((axis) => axisAt(node, axis, shape.length));
  const axes = named ?? shape.map((_, axis) => axis);
  const policy = attributes.string("keep_aspect_ratio_policy") ?? "stretch";
  const scales = entriesOf(node, 2, "scales");
  const sizes = entriesOf(node, 3, "sizes");
  const region = entriesOf(node, 1, "roi") ?? [];
  const given = scales ?? sizes;
  if (given?.length !== axes.length)
    return node.fail("onnx-attribute", `has ${given?.length ?? 0} scales or sizes, expected ${axes.length}`);
  const ratios = axes.map((axis, i) => (sizes === undefined ? scales![i]! : sizes[i]! / shape[axis]!));
  if (ratios.some((ratio) => !(ratio > 0)))
    node.fail("onnx-attribute", `has scales [${ratios.join(", ")}], expected more than 0`);
  const common = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  const keeps = sizes !== undefined && policy !== "stretch";
  return shape.map((from, axis): ResizedAxis => {
    const i = axes.indexOf(axis);
    const kept = { from, coordinates: mode as Coordinates, region: [0, 1] as const };
    if (i < 0) return { ...kept, to: from, scale: 1 };
    const scale = keeps ? common : ratios[i]!;
    const to = keeps ? Math.floor(scale * from + 0.5) : (sizes?.[i] ?? Math.floor(from * scale));
    const start = region[i] ?? 0;
    const end = region[i + axes.length] ?? 1;
    return { ...kept, to, scale, region: [start, end] };
  });
}

/** An input that is absent may be given as an empty tensor. */
function entriesOf(node: NodeView, index: number, role: string): number[] | undefined {
  if (!node.has(index)) return undefined;
  const entries = Array.from(saturatedNumbersOf(node.known(index, role)));
  return entries.length === 0 ? undefined : entries;
}

function resized(node: NodeView, axes: readonly ResizedAxis[], method: Method): Value {
  const crops = (axis: ResizedAxis): boolean => axis.coordinates === "tf_crop_and_resize";
  const isWhole = (axis: ResizedAxis): boolean =>
    axis.from === axis.to &&
    axis.scale === 1 &&
    !(crops(axis) && (axis.region[0] !== 0 || axis.region[1] !== 1));
  const t = termsOf(node);
  const first = node.value(0);
  return axes.reduce((value, axis, number) => {
    if (isWhole(axis)) return value;
    if (axis.from === 0) return node.fail("operand-shape", `resizes axis ${number}, which has no entries`);
    node.reserve([axis.to]);
    const isSum = value !== first && method.nearest === undefined && value.type.element === "f32";
    const input = isSum ? node.create(wideValue, { input: value }, {}) : value;
    const moved = alongAxis(node, input, number, axis, method);
    if (!crops(axis)) return moved;
    const outside = Array.from({ length: axis.to }, (_, x) => Number(isOutside(x, axis)));
    if (!outside.includes(1)) return moved;
    const shape = moved.type.shape.map((_, i) => (i === number ? axis.to : 1));
    return t.when(node.constant(tensor("bool", shape, outside), "outside"), method.extrapolation, moved);
  }, first);
}

function alongAxis(
  node: NodeView,
  input: Value,
  number: number,
  axis: ResizedAxis,
  { nearest, filter }: Method,
): Value {
  if (nearest !== undefined) {
    const rounding = nearest !== "outwards" ? nearest : axis.scale < 1 ? "ceil" : "floor";
    const entries = nearestEntries(axis, rounding);
    const indices = node.constant(tensor("i32", [axis.to], entries), "entries");
    return node.create(gather, { input, indices }, { axis: number });
  }
  const { taps, indices, weights } = tapsOf(axis, filter, (count) => {
    node.reserve([Math.max(1, axis.to), count]);
  });
  return node.create(
    resample,
    { input },
    {
      axis: number,
      indices: tensor("i32", [axis.to, taps], indices),
      weights: tensor("f32", [axis.to, taps], weights),
    },
  );
}
