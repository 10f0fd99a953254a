/** Slices written at tuples of indices. */
import { affine, and, at, axes, compare, compute, i32, indexValue, load, variable } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { indexEntry, requireIndices } from "./indices.ts";
import { requireUpdates, scattered, scatterReduction } from "./scattering.ts";

export const scatterNd = defineOp({
  name: "scatter_nd",
  doc: `y = x, but y[indices[u, 0], …, indices[u, q - 1], rest…] = updates[u, rest…], the last update counting; reductions and indices as
in scatter_elements. Every element looks at every update. Source: ONNX ScatterND.`,
  example: "%y = scatter_nd %x, %i, %u : tensor<4x3xf32>",
  given: { "%x": "tensor<4x3xf32>", "%i": "tensor<2x1xi64>", "%u": "tensor<2x3xf32>" },
  operands: ["input", "indices", "updates"],
  attrs: { reduction: scatterReduction },
  integer: { kind: "same" },

  infer({ input, indices, updates }, { reduction }, fail) {
    requireIndices("indices", indices, fail);
    requireUpdates(input, updates, reduction, fail);
    const [count, depth] = indices.shape;
    const fits =
      indices.shape.length === 2 &&
      depth! <= input.shape.length &&
      sameShape(updates.shape, [count!, ...input.shape.slice(depth)]);
    if (!fits)
      fail(
        "operand-shape",
        `has indices ${formatType(indices)} and updates ${formatType(updates)} of ${formatType(input)}, expected a tuple of its axes and a slice of the rest each`,
      );
    return input;
  },

  express({ input, indices, updates }, { reduction }, result) {
    const { shape, element } = input.type;
    const [count, depth] = indices.type.shape as [number, number];
    const domain = axes(shape, []);
    const original = load(input.tensor, domain.map(at));
    if (count === 0) return [compute(result.tensor, domain, original)];
    const update = variable("u", count);
    const meets = domain
      .slice(0, depth)
      .map((v, i) =>
        compare("eq", indexEntry(indices, [at(update), affine(i)], shape[i]!), indexValue(at(v))),
      )
      .reduce(and, i32(1));
    const value = scattered(
      {
        element,
        original,
        update,
        meets,
        updates,
        indexOf: (number) => [number, ...domain.slice(depth).map(at)],
      },
      reduction,
    );
    return [compute(result.tensor, domain, value)];
  },
});
