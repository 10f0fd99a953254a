/** Entries of an axis, by indices that are known or computed. */
import { at, axes, compute, load } from "../expr/build.ts";
import { int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { indexAt, requireIndices } from "./indices.ts";
import { axisOf, requireWhole, resolveAxis } from "./type-rules.ts";

export const gather = defineOp({
  name: "gather",
  doc: `y[outer…, i…, inner…] = x[outer…, indices[i…], inner…], with indices along axis; negative ones count from its end, and what lies
outside is taken to its nearest end. Stored, in the operand's quantization. Source: ONNX Gather.`,
  example: "%y = gather %x, %i {axis = 1} : tensor<2x5xf32>",
  given: { "%x": "tensor<2x4xf32>", "%i": "tensor<5xi64>" },
  operands: ["input", "indices"],
  attrs: { axis: int(0) },
  integer: { kind: "same" },
  movesOnly: true,

  infer({ input, indices }, attrs, fail) {
    requireWhole("input", input, fail);
    requireIndices("indices", indices, fail);
    const axis = resolveAxis(attrs.axis, input.shape.length, fail);
    const shape = [...input.shape.slice(0, axis), ...indices.shape, ...input.shape.slice(axis + 1)];
    if (input.shape[axis] === 0 && !shape.includes(0))
      fail("operand-shape", `gathers from axis ${axis}, which has no entries`);
    return tensorType(input.element, shape, input.quantization);
  },

  express({ input, indices }, attrs, result) {
    const { shape } = input.type;
    const axis = axisOf(attrs.axis, shape.length);
    const domain = axes(result.type.shape, []);
    const position = domain.slice(axis, axis + indices.type.shape.length).map(at);
    const index = [
      ...domain.slice(0, axis).map(at),
      indexAt(indices, position, shape[axis]!),
      ...domain.slice(axis + position.length).map(at),
    ];
    return [compute(result.tensor, domain, load(input.tensor, index))];
  },
});
