/** What changes shapes and moves elements. Where only the shape changes, the file's shape of the result says all. */
import type { Value } from "../../../ir/graph.ts";
import { concat } from "../../../ops/concat.ts";
import { pad } from "../../../ops/pad.ts";
import { slice } from "../../../ops/slice.ts";
import { transpose } from "../../../ops/transpose.ts";
import type { OperatorView } from "../operator-view.ts";
import { activated, axisOf, type ConverterTable } from "./converter.ts";

const reshaped = (view: OperatorView): Value => view.reshape(view.value(0), view.output(0).shape);

export const shape: ConverterTable = {
  RESHAPE: reshaped,
  SQUEEZE: reshaped,
  EXPAND_DIMS: reshaped,
  TRANSPOSE: (view) =>
    view.create(transpose, { input: view.value(0) }, { permutation: [...view.known(1, "order of axes")] }),
  CONCATENATION: convertConcatenation,
  PAD: (view) => convertPad(view, 0),
  PADV2: (view) => convertPad(view, view.known(2, "value of padding")[0] ?? 0),
  SLICE: convertSlice,
  STRIDED_SLICE: convertStridedSlice,
  SPLIT: convertSplit,
};

function convertConcatenation(view: OperatorView): Value {
  const inputs = Array.from({ length: view.count }, (_, i) => view.value(i));
  const axis = axisOf(view, view.int(0), inputs[0]?.type.shape.length ?? 0);
  return activated(view, view.create(concat, { inputs }, { axis }), 1);
}

/** The value of a stored tensor's padding is real zero unless it is given, and then it is an integer of the input's scale. */
function convertPad(view: OperatorView, given: number): Value {
  const input = view.value(0);
  const amounts = view.known(1, "padding");
  const rank = input.type.shape.length;
  if (amounts.length !== 2 * rank)
    view.fail("tflite-operator", `has ${amounts.length} amounts of padding, expected ${2 * rank}`);
  const { quantization } = view.input(0);
  const isStored = quantization !== undefined && view.has(2);
  const value = isStored ? (given - quantization.zero[0]!) * quantization.scale[0]! : given;
  const before = amounts.filter((_, i) => i % 2 === 0);
  const after = amounts.filter((_, i) => i % 2 === 1);
  return view.create(pad, { input }, { before, after, value });
}

const alongAll = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => axis);

/** -1 takes what is left of an axis. */
function convertSlice(view: OperatorView): Value {
  const input = view.value(0);
  const { shape: extents } = input.type;
  const starts = view.known(1, "beginning");
  const sizes = view.known(2, "size");
  const ends = starts.map((start, i) => (sizes[i] === -1 ? extents[i]! : start + sizes[i]!));
  const axes = alongAll(starts.length);
  return view.create(slice, { input }, { starts: [...starts], ends, axes, steps: axes.map(() => 1) });
}

function convertStridedSlice(view: OperatorView): Value {
  const input = view.value(0);
  const { shape: extents } = input.type;
  const [begins, stops, steps] = [view.known(1, "beginning"), view.known(2, "end"), view.known(3, "strides")];
  if (view.int(2) !== 0 || view.int(3) !== 0)
    view.fail("tflite-operator", "has an ellipsis or a new axis, which are not supported");
  const [beginMask, endMask, shrinkMask] = [view.int(0), view.int(1), view.int(4)];
  const bit = (mask: number, i: number): boolean => ((mask >> i) & 1) === 1;
  const starts = begins.map((begin, i) =>
    bit(beginMask, i) ? (steps[i]! < 0 ? extents[i]! - 1 : 0) : begin,
  );
  const ends = stops.map((end, i) => {
    if (bit(shrinkMask, i)) return starts[i]! === -1 ? extents[i]! : starts[i]! + 1;
    if (!bit(endMask, i)) return end;
    return steps[i]! < 0 ? -extents[i]! - 1 : extents[i]!;
  });
  const strides = steps.map((step, i) => (bit(shrinkMask, i) ? 1 : step));
  const part = view.create(slice, { input }, { starts, ends, axes: alongAll(starts.length), steps: strides });
  return shrinkMask === 0 ? part : view.reshape(part, view.output(0).shape);
}

function convertSplit(view: OperatorView): Value[] {
  const input = view.value(1);
  const axis = axisOf(view, view.known(0, "axis")[0] ?? 0, input.type.shape.length);
  const count = view.operator.outputs.length;
  const size = input.type.shape[axis]! / count;
  if (!Number.isInteger(size))
    view.fail("operand-shape", `splits ${input.type.shape[axis]!} entries into ${count} parts`);
  return Array.from({ length: count }, (_, i) =>
    view.create(slice, { input }, { starts: [i * size], ends: [(i + 1) * size], axes: [axis], steps: [1] }),
  );
}
