/**
 * Operators that only move elements or speak of shapes. On tensors known at compile time most give tensors again, for exporters
 * write the shapes of reshapes as small networks of their own; what else that takes is in fold-shapes.ts.
 */
import { concat } from "../../../ops/concat.ts";
import { pad } from "../../../ops/pad.ts";
import { slice } from "../../../ops/slice.ts";
import type { Value } from "../../../ir/graph.ts";
import { elementCount, saturatedNumbersOf, tensor } from "../../../tensor/tensor.ts";
import { isFloat } from "../../../tensor/element-type.ts";
import { elementTypeOf } from "../decode-tensor.ts";
import { axisAt, contentAt, type NodeView } from "../node-view.ts";
import { elementOf, type Converted } from "../operand.ts";
import type { ConverterTable } from "./converter.ts";

export const shape: ConverterTable = {
  Cast: convertCast,
  Concat: convertConcat,
  Dropout: convertDropout,
  Flatten: convertFlatten,
  Gather: convertGather,
  Identity: (node) => contentAt(node, 0),
  Pad: convertPad,
  Reshape: convertReshape,
  Shape: convertShape,
  Size: (node) => tensor("i64", [], [BigInt(elementCount(node.shape(0)))]),
  Slice: convertSlice,
  Split: convertSplit,
  Squeeze: convertSqueeze,
  Transpose: convertTranspose,
  Unsqueeze: convertUnsqueeze,
};

/** A list of integers that is an input since some version of the operator and an attribute before. */
export function integers(node: NodeView, index: number, name: string): readonly number[] | undefined {
  if (node.has(index)) return Array.from(saturatedNumbersOf(node.known(index, name)));
  return node.attributes.ints(name);
}

/** The element type of a Cast: a number, before operator set 6 a word. */
export function castElement(node: NodeView) {
  const { attributes } = node;
  attributes.ignore("saturate", "round_mode");
  if (node.opset < 6) {
    const word = attributes.required("to", attributes.string("to"));
    if (word === "FLOAT" || word === "FLOAT16") return "f32";
    return node.fail("onnx-cast", `casts to '${word}', expected FLOAT`);
  }
  const to = attributes.required("to", attributes.int("to"));
  if (to === 10 || to === 16)
    node.warn("onnx-cast", "casts to a half-precision type, which is computed in f32 here");
  return (
    elementTypeOf(to) ?? node.fail("onnx-cast", `casts to the element type ${to}, which is not supported`)
  );
}

function convertCast(node: NodeView): Value {
  const to = castElement(node);
  const from = elementOf(node.operand(0));
  if (from === to) return node.value(0);
  return node.fail("onnx-cast", `casts ${from} to ${to}, expected the same type for computed values`, {
    help: isFloat(to)
      ? "give the network float32 inputs: integers are mapped by --input-scale and --input-zero"
      : "export the network without integer arithmetic: quern quantizes it itself",
  });
}

function convertConcat(node: NodeView): Value {
  const { attributes } = node;
  const given = attributes.int("axis") ?? (node.opset < 4 ? 1 : undefined);
  const axis = axisAt(node, attributes.required("axis", given), node.shape(0).length);
  const inputs = node.operands.map((_, index) => node.value(index));
  return inputs.length === 1 ? inputs[0]! : node.create(concat, { inputs }, { axis });
}

function convertDropout(node: NodeView): Converted {
  node.attributes.ignore("ratio", "seed", "is_test");
  if (node.has(2) && Number(node.known(2, "training_mode").data[0]) !== 0)
    node.fail("onnx-training", "is in training mode, expected inference", {
      help: "export the model for inference (model.eval(), training=False)",
    });
  return contentAt(node, 0);
}

function convertFlatten(node: NodeView): Converted {
  const extents = node.shape(0);
  const given = node.attributes.int("axis") ?? 1;
  const axis = given === extents.length ? given : axisAt(node, given, extents.length);
  const matrix = [elementCount(extents.slice(0, axis)), elementCount(extents.slice(axis))];
  return node.reshape(contentAt(node, 0), matrix);
}

/** Of a computed tensor, one entry or a run of them: that is a slice. */
function convertGather(node: NodeView): Value {
  const extents = node.shape(0);
  const axis = axisAt(node, node.attributes.int("axis") ?? 0, extents.length);
  const indices = node.known(1, "indices");
  const list = Array.from(saturatedNumbersOf(indices), (index) =>
    index < 0 ? index + extents[axis]! : index,
  );
  const outside = list.find((index) => index < 0 || index >= extents[axis]!);
  if (outside !== undefined)
    node.fail("onnx-axis", `gathers entry ${outside} of axis ${axis}, expected one of ${extents[axis]!}`);
  const [first] = list;
  if (first === undefined || list.some((index, i) => index !== first + i))
    return node.fail("onnx-gather", `gathers the entries [${list.join(", ")}], expected a run of neighbours`);
  const run = { starts: [first], ends: [first + list.length], axes: [axis], steps: [1] };
  const taken = node.create(slice, { input: node.value(0) }, run);
  return node.reshape(taken, [...extents.slice(0, axis), ...indices.shape, ...extents.slice(axis + 1)]);
}

/** Padding with a constant; negative padding cuts. */
function convertPad(node: NodeView): Value {
  const { attributes } = node;
  const rank = node.shape(0).length;
  const mode = attributes.string("mode") ?? "constant";
  if (mode !== "constant")
    node.fail("onnx-attribute", `has mode '${mode}', expected constant`, {
      help: "only padding with a constant is supported",
    });
  const pads = attributes.ints("paddings") ?? integers(node, 1, "pads");
  const list = attributes.required("pads", pads);
  const axes = node.has(3)
    ? Array.from(saturatedNumbersOf(node.known(3, "axes")), (axis) => axisAt(node, axis, rank))
    : Array.from({ length: rank }, (_, axis) => axis);
  if (list.length !== 2 * axes.length)
    node.fail("onnx-attribute", `has ${list.length} pads, expected ${2 * axes.length}`);
  const before = Array<number>(rank).fill(0);
  const after = Array<number>(rank).fill(0);
  axes.forEach((axis, i) => {
    before[axis] = list[i]!;
    after[axis] = list[i + axes.length]!;
  });
  const value = node.has(2)
    ? Number(node.known(2, "constant_value").data[0] ?? 0)
    : (attributes.float("value") ?? 0);
  const kept = cut(node, node.value(0), before, after);
  const grow = (counts: readonly number[]): number[] => counts.map((count) => Math.max(count, 0));
  if ([...before, ...after].every((count) => count <= 0)) return kept;
  return node.create(pad, { input: kept }, { before: grow(before), after: grow(after), value });
}

function cut(node: NodeView, input: Value, before: readonly number[], after: readonly number[]): Value {
  const axes = before.flatMap((count, axis) => (count < 0 || after[axis]! < 0 ? [axis] : []));
  if (axes.length === 0) return input;
  const starts = axes.map((axis) => Math.max(-before[axis]!, 0));
  const ends = axes.map((axis) => Math.max(input.type.shape[axis]! + Math.min(after[axis]!, 0), 0));
  return node.create(slice, { input }, { starts, ends, axes, steps: axes.map(() => 1) });
}

/** 0 keeps an extent (unless allowzero), -1 takes what is left. */
function convertReshape(node: NodeView): Converted {
  const { attributes } = node;
  const from = node.shape(0);
  const wanted = attributes.required("shape", integers(node, 1, "shape"));
  const keepsZero = attributes.flag("allowzero") === true;
  const extents = wanted.map((extent, axis) => (extent === 0 && !keepsZero ? (from[axis] ?? 0) : extent));
  const open = extents.indexOf(-1);
  if (open >= 0) {
    const rest = elementCount(extents.filter((_, axis) => axis !== open));
    extents[open] = rest === 0 ? 0 : elementCount(from) / rest;
  }
  if (!extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
    node.fail(
      "operand-shape",
      `gives [${from.join(", ")}] the shape [${wanted.join(", ")}], which does not hold its elements`,
    );
  return node.reshape(contentAt(node, 0), extents);
}

function convertShape(node: NodeView): Converted {
  const extents = node.shape(0);
  const part = extents.slice(node.attributes.int("start") ?? 0, node.attributes.int("end") ?? extents.length);
  return tensor("i64", [part.length], part.map(BigInt));
}

export interface SliceRange {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

/** Attributes before operator set 10, inputs since. */
export function sliceRange(node: NodeView): SliceRange {
  const starts = node.attributes.required("starts", integers(node, 1, "starts"));
  const ends = node.attributes.required("ends", integers(node, 2, "ends"));
  const rank = node.shape(0).length;
  const axes = (integers(node, 3, "axes") ?? starts.map((_, i) => i)).map((axis) => axisAt(node, axis, rank));
  const steps = node.has(4) ? Array.from(saturatedNumbersOf(node.known(4, "steps"))) : starts.map(() => 1);
  return { starts, ends, axes, steps };
}

function convertSlice(node: NodeView): Value {
  return node.create(slice, { input: node.value(0) }, { ...sliceRange(node) });
}

/** Equal parts (the last may be smaller) unless sizes are given. */
function convertSplit(node: NodeView): Value[] {
  const extents = node.shape(0);
  const axis = axisAt(node, node.attributes.int("axis") ?? 0, extents.length);
  const count = node.node.outputs.length;
  const declared = node.attributes.int("num_outputs") ?? count;
  if (declared !== count)
    node.fail("onnx-attribute", `has ${count} outputs, expected its num_outputs, ${declared}`);
  const equal = Math.ceil(extents[axis]! / count);
  const sizes =
    integers(node, 1, "split") ??
    Array.from({ length: count }, (_, i) => Math.max(0, Math.min(equal, extents[axis]! - i * equal)));
  if (sizes.reduce((sum, size) => sum + size, 0) !== extents[axis])
    node.fail("operand-shape", `splits ${extents[axis]!} entries into [${sizes.join(", ")}]`);
  let start = 0;
  return sizes.map((size) => {
    const range = { starts: [start], ends: [start + size], axes: [axis], steps: [1] };
    start += size;
    return node.create(slice, { input: node.value(0) }, range);
  });
}

function convertSqueeze(node: NodeView): Converted {
  const extents = node.shape(0);
  const given = integers(node, 1, "axes")?.map((axis) => axisAt(node, axis, extents.length));
  const wrong = given?.find((axis) => extents[axis] !== 1);
  if (wrong !== undefined)
    node.fail("operand-shape", `squeezes axis ${wrong} of [${extents.join(", ")}], expected an extent of 1`);
  const left = extents.filter((extent, axis) => (given === undefined ? extent !== 1 : !given.includes(axis)));
  return node.reshape(contentAt(node, 0), left);
}

function convertTranspose(node: NodeView): Converted {
  const rank = node.shape(0).length;
  const reversed = Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const permutation = node.attributes.ints("perm") ?? reversed;
  const sorted = permutation.toSorted((a, b) => a - b);
  if (sorted.length !== rank || sorted.some((axis, i) => axis !== i))
    node.fail("onnx-axis", `has perm [${permutation.join(", ")}], expected one of ${rank} axes`);
  return node.transpose(contentAt(node, 0), permutation);
}

function convertUnsqueeze(node: NodeView): Converted {
  const extents = node.shape(0);
  const given = node.attributes.required("axes", integers(node, 1, "axes"));
  const rank = extents.length + given.length;
  const axes = new Set(given.map((axis) => axisAt(node, axis, rank)));
  if (axes.size !== given.length)
    node.fail("onnx-axis", `has axes [${given.join(", ")}], expected each once`);
  let kept = 0;
  const shape = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : extents[kept++]!));
  return node.reshape(contentAt(node, 0), shape);
}
