/** What moves, chooses and repeats elements. A transposition writes no node: it is another order of the same tensor. */
import { concat } from "../../../src/ops/concat.ts";
import { expand } from "../../../src/ops/expand.ts";
import { gatherElements } from "../../../src/ops/gather-elements.ts";
import { gatherNd } from "../../../src/ops/gather-nd.ts";
import { gather } from "../../../src/ops/gather.ts";
import { pad } from "../../../src/ops/pad.ts";
import { resample, storedWeights, weightUnit } from "../../../src/ops/resample.ts";
import { reshape } from "../../../src/ops/reshape.ts";
import { scatterElements } from "../../../src/ops/scatter-elements.ts";
import { scatterNd } from "../../../src/ops/scatter-nd.ts";
import { slice } from "../../../src/ops/slice.ts";
import { transpose } from "../../../src/ops/transpose.ts";
import { axisOf } from "../../../src/ops/type-rules.ts";
import { numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { plainOrder, transposedOrder } from "../tensors.ts";
import { indices } from "./indices.ts";
import { inPlainOrder, row, same, type Row } from "./writer.ts";

export const shape: readonly Row[] = [
  row(transpose, (writer, { permutation }) => {
    const input = writer.value(0);
    const home = writer.tensors.home(input) ?? {
      name: writer.operand(0),
      order: plainOrder(input.type),
    };
    return { name: home.name, order: transposedOrder(home.order, permutation) };
  }),
  row(reshape, (writer, { shape: wanted }) =>
    writer.node("Reshape", [writer.tensors.linear(writer.value(0)), indices(writer, "shape", wanted)], {}),
  ),
  row(concat, same("Concat")),
  row(slice, (writer, { starts, ends, axes, steps }) => {
    const lists = { starts, ends, axes, steps };
    const names = Object.entries(lists).map(([role, values]) => indices(writer, role, values));
    return writer.node("Slice", [writer.operand(0), ...names]);
  }),
  row(pad, (writer, { before, after, value }) => {
    const { element } = writer.value(0).type;
    const pads = indices(writer, "pads", [...before, ...after]);
    return writer.node("Pad", [
      writer.operand(0),
      pads,
      writer.constant("value", tensor(element, [], [value])),
    ]);
  }),
  row(expand, (writer, { shape: wanted }) =>
    writer.node("Expand", [writer.operand(0), indices(writer, "shape", wanted)]),
  ),
  row(gather, same("Gather")),
  row(gatherElements, same("GatherElements")),
  row(gatherNd, same("GatherND")),
  row(scatterElements, same("ScatterElements")),
  row(scatterNd, same("ScatterND")),
  inPlainOrder(
    // The product with a matrix, in the fractions that the integer network has: ONNX's Resize computes its own.
    row(resample, (writer, { axis: given, indices: places, weights }) => {
      const { shape: extents } = writer.value(0).type;
      const axis = axisOf(given, extents.length);
      const last = extents.length - 1;
      const swapped = plainOrder({ shape: extents }).with(axis, last).with(last, axis);
      const matrix = writer.constant("interpolation", interpolation(places, weights, extents[axis]!));
      return { name: writer.node("MatMul", [writer.operand(0, swapped), matrix]), order: swapped };
    }),
  ),
];

/** [entries read, entries made]: what each result takes of each entry. */
function interpolation(places: Tensor, weights: Tensor, extent: number): Tensor {
  const [rows, taps] = places.shape as [number, number];
  const [from, factors] = [numbersOf(places), numbersOf(storedWeights(weights))];
  const matrix = new Float32Array(extent * rows);
  for (let i = 0; i < rows * taps; i++) {
    const at = from[i]! * rows + Math.floor(i / taps);
    matrix[at] = matrix[at]! + factors[i]! / weightUnit;
  }
  return tensor("f32", [extent, rows], matrix);
}
