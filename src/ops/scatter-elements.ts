/** Elements written along an axis, each at an index of its own. */
import { at, axes, compare, compute, indexValue, load, variable } from "../expr/build.ts";
import { int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { indexEntry, requireIndices } from "./indices.ts";
import { heldInside, requireUpdates, scattered, scatterReduction } from "./scattering.ts";
import { axisOf, resolveAxis } from "./type-rules.ts";

export const scatterElements = defineOp({
  name: "scatter_elements",
  doc: `y = x, but y[indices[i, j, …], j, …] = updates[i, j, …] for axis 0, and alike for others, the last update counting; with a reduction the
updates are added to x, multiplied with it, or the least or greatest counts. Negative indices count from the end, and what lies outside
changes nothing. Every element looks at every update of its axis. Source: ONNX ScatterElements.`,
  example: "%y = scatter_elements %x, %i, %u {axis = 1} : tensor<2x4xf32>",
  given: { "%x": "tensor<2x4xf32>", "%i": "tensor<2x2xi64>", "%u": "tensor<2x2xf32>" },
  operands: ["input", "indices", "updates"],
  attrs: { axis: int(0), reduction: scatterReduction },
  integer: { kind: "same" },

  infer({ input, indices, updates }, attrs, fail) {
    requireIndices("indices", indices, fail);
    requireUpdates(input, updates, attrs.reduction, fail);
    resolveAxis(attrs.axis, input.shape.length, fail);
    if (indices.shape.length !== input.shape.length || !sameShape(indices.shape, updates.shape))
      fail(
        "operand-shape",
        `has indices ${formatType(indices)} and updates ${formatType(updates)} of ${formatType(input)}, expected one shape of its rank`,
      );
    return input;
  },

  express({ input, indices, updates }, { axis: given, reduction }, result) {
    const { shape, element } = input.type;
    const axis = axisOf(given, shape.length);
    const domain = axes(shape, []);
    const update = variable("u", indices.type.shape[axis]!);
    const place = domain.map(at);
    const original = load(input.tensor, place);
    if (indices.type.shape.includes(0)) return [compute(result.tensor, domain, original)];
    const extent = shape[axis]!;
    // Where there are fewer updates than elements, what is read beyond them meets nothing.
    const entry = indexEntry(indices, place.with(axis, at(update)), extent, -extent - 1);
    const value = scattered(
      {
        element,
        original,
        update,
        meets: compare("eq", entry, indexValue(place[axis]!)),
        updates,
        indexOf: (number) =>
          domain.map((v, i) => (i === axis ? number : heldInside(v, updates.type.shape[i]!))),
      },
      reduction,
    );
    return [compute(result.tensor, domain, value)];
  },
});
