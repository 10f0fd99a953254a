/** Permutes axes. */
import { at, axes, compute, load } from "../expr/build.ts";
import { ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, withShape } from "../ir/types.ts";

export const transpose = defineOp({
  name: "transpose",
  doc: `y[i0, i1, …] = x[…], where axis j of y is axis permutation[j] of x; a quantization along an axis follows it. Source: ONNX Transpose.`,
  example: "%y = transpose %x {permutation = [1, 0]} : tensor<3x2xf32>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  attrs: { permutation: ints() },
  integer: { kind: "same" },
  movesOnly: true,

  infer({ input }, { permutation }, fail) {
    const rank = input.shape.length;
    const sorted = permutation.toSorted((a, b) => a - b);
    if (permutation.length !== rank || sorted.some((axis, i) => axis !== i))
      fail(
        "attribute",
        `has permutation [${permutation.join(", ")}], expected one of the ${rank} axes of ${formatType(input)}`,
      );
    const shape = permutation.map((axis) => input.shape[axis]!);
    const quantizedAxis = input.quantization?.axis;
    return withShape(
      input,
      shape,
      quantizedAxis === undefined ? undefined : permutation.indexOf(quantizedAxis),
    );
  },

  express({ input }, { permutation }, result) {
    const domain = axes(result.type.shape, []);
    const index = input.type.shape.map((_, axis) => at(domain[permutation.indexOf(axis)]!));
    return [compute(result.tensor, domain, load(input.tensor, index))];
  },
});
