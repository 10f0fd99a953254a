/** Elements along an axis, each by an index of its own. */
import { at, axes, compute, load } from "../expr/build.ts";
import { int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, tensorType } from "../ir/types.ts";
import { indexAt, requireIndices } from "./indices.ts";
import { axisOf, requireWhole, resolveAxis } from "./type-rules.ts";

export const gatherElements = defineOp({
  name: "gather_elements",
  doc: `y[i, j, …] = x[indices[i, j, …], j, …] for axis 0, and alike for others; indices as in gather. Stored, in the operand's
quantization. Source: ONNX GatherElements.`,
  example: "%y = gather_elements %x, %i {axis = 1} : tensor<2x2xf32>",
  given: { "%x": "tensor<2x4xf32>", "%i": "tensor<2x2xi64>" },
  operands: ["input", "indices"],
  attrs: { axis: int(0) },
  integer: { kind: "same" },
  movesOnly: true,

  infer({ input, indices }, attrs, fail) {
    requireWhole("input", input, fail);
    requireIndices("indices", indices, fail);
    const axis = resolveAxis(attrs.axis, input.shape.length, fail);
    const fits =
      indices.shape.length === input.shape.length &&
      indices.shape.every((extent, i) => i === axis || extent <= input.shape[i]!) &&
      (input.shape[axis] !== 0 || indices.shape.includes(0));
    if (!fits)
      fail(
        "operand-shape",
        `has indices ${formatType(indices)} into ${formatType(input)}, expected its extents but for axis ${axis}`,
      );
    return tensorType(input.element, indices.shape, input.quantization);
  },

  express({ input, indices }, attrs, result) {
    const axis = axisOf(attrs.axis, input.type.shape.length);
    const domain = axes(result.type.shape, []);
    const position = domain.map(at);
    const index = [...position.slice(0, axis), indexAt(indices, position, input.type.shape[axis]!)];
    return [compute(result.tensor, domain, load(input.tensor, [...index, ...position.slice(axis + 1)]))];
  },
});
