/**
 * Operators that only move elements or speak of shapes. On tensors known at compile time most give tensors again, for exporters
 * write the shapes of reshapes as small networks of their own; what else that takes is in fold-shapes.ts.
 */
import { concat } from "../../../ops/concat.ts";
import { slice } from "../../../ops/slice.ts";
import type { Value } from "../../../ir/graph.ts";
import { elementCount, saturatedNumbersOf, tensor } from "../../../tensor/tensor.ts";
import { axisAt, contentAt, type NodeView } from "../node-view.ts";
import type { Converted } from "../operand.ts";
import { since, type ConverterTable } from "./converter.ts";

export const shape: ConverterTable = {
  Concat: since(1, convertConcat),
  Dropout: since(1, convertDropout, "does nothing; training is declined"),
  Flatten: since(1, convertFlatten),
  Identity: since(1, (node) => contentAt(node, 0)),
  Reshape: since(1, convertReshape, "the shape is an attribute until 4, a constant input since"),
  Shape: since(1, convertShape),
  Size: since(1, (node) => tensor("i64", [], [BigInt(elementCount(node.shape(0)))])),
  Slice: since(1, convertSlice, "ranges are attributes until 9, constant inputs since"),
  Split: since(1, convertSplit, "sizes are an attribute until 12, a constant input since"),
  Squeeze: since(1, convertSqueeze, "axes are an attribute until 12, a constant input since"),
  Transpose: since(1, convertTranspose),
  Unsqueeze: since(1, convertUnsqueeze, "axes are an attribute until 12, a constant input since"),
};

/** A list of integers that is an input since some version of the operator and an attribute before. */
export function integers(node: NodeView, index: number, name: string): readonly number[] | undefined {
  if (node.has(index)) return Array.from(saturatedNumbersOf(node.known(index, name)));
  return node.attributes.ints(name);
}

function convertConcat(node: NodeView): Value {
  const { attributes } = node;
  const given = attributes.int("axis") ?? (node.opset < 4 ? 1 : undefined);
  const axis = axisAt(node, attributes.required("axis", given), node.shape(0).length);
  const inputs = node.operands.map((_, index) => node.value(index));
  return inputs.length === 1 ? inputs[0]! : node.create(concat, { inputs }, { axis });
}

/** At inference all is kept: the mask, of bools since operator set 10, is true everywhere. */
function convertDropout(node: NodeView): Converted[] {
  node.attributes.ignore("ratio", "seed", "is_test");
  if (node.has(2) && Number(node.known(2, "training_mode").data[0]) !== 0)
    node.fail("onnx-training", "is in training mode, expected inference", {
      help: "export the model for inference (model.eval(), training=False)",
    });
  const shape = node.shape(0);
  const element = node.opset < 10 ? "f32" : "bool";
  const ones = new Uint8Array(node.reserve(shape)).fill(1);
  return [contentAt(node, 0), tensor(element, shape, ones)];
}

function convertFlatten(node: NodeView): Converted {
  const extents = node.shape(0);
  const given = node.attributes.int("axis") ?? 1;
  const axis = given === extents.length ? given : axisAt(node, given, extents.length);
  const matrix = [elementCount(extents.slice(0, axis)), elementCount(extents.slice(axis))];
  return node.reshape(contentAt(node, 0), matrix);
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
