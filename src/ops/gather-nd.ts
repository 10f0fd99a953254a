/** Slices by tuples of indices. */
import { affine, at, axes, compute, load } from "../expr/build.ts";
import { int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, tensorType } from "../ir/types.ts";
import { indexAt, requireIndices } from "./indices.ts";
import { requireWhole } from "./type-rules.ts";

export const gatherNd = defineOp({
  name: "gather_nd",
  doc: `y[b…, i…, rest…] = x[b…, indices[b…, i…, 0], …, indices[b…, i…, q - 1], rest…] with batch_dims axes b; indices as in gather.
Stored, in the operand's quantization. Source: ONNX GatherND.`,
  example: "%y = gather_nd %x, %i : tensor<3xf32>",
  given: { "%x": "tensor<2x4xf32>", "%i": "tensor<3x2xi64>" },
  operands: ["input", "indices"],
  attrs: { batch_dims: int(0) },
  integer: { kind: "same" },
  movesOnly: true,

  infer({ input, indices }, { batch_dims: batch }, fail) {
    requireWhole("input", input, fail);
    requireIndices("indices", indices, fail);
    const depth = indices.shape.at(-1) ?? 0;
    const fits =
      batch >= 0 &&
      indices.shape.length > batch &&
      depth >= 1 &&
      batch + depth <= input.shape.length &&
      indices.shape.slice(0, batch).every((extent, i) => extent === input.shape[i]) &&
      !input.shape.slice(batch, batch + depth).includes(0);
    if (!fits)
      fail(
        "operand-shape",
        `has indices ${formatType(indices)} into ${formatType(input)} with ${batch} batch axes, expected tuples of its axes`,
      );
    const shape = [...indices.shape.slice(0, -1), ...input.shape.slice(batch + depth)];
    return tensorType(input.element, shape, input.quantization);
  },

  express({ input, indices }, { batch_dims: batch }, result) {
    const domain = axes(result.type.shape, []);
    const outer = indices.type.shape.length - 1;
    const tuple = domain.slice(0, outer).map(at);
    const chosen = Array.from({ length: indices.type.shape[outer]! }, (_, i) =>
      indexAt(indices, [...tuple, affine(i)], input.type.shape[batch + i]!),
    );
    const index = [...domain.slice(0, batch).map(at), ...chosen, ...domain.slice(outer).map(at)];
    return [compute(result.tensor, domain, load(input.tensor, index))];
  },
});
