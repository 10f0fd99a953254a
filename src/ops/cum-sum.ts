/** Running sums: a convolution by ones that never reads past the element itself. */
import { affine, at, axes, compute, load, variable } from "../expr/build.ts";
import { reduceElements } from "../expr/element-arithmetic.ts";
import { bool, int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { axisOf, numberElements, requirePlain, resolveAxis } from "./type-rules.ts";

export const cumSum = defineOp({
  name: "cum_sum",
  doc: `y[i] = sum of x[j] over j <= i along axis, without j = i if exclusive, and over j >= i if reverse. It takes extent² additions.
Source: ONNX CumSum.`,
  example: "%y = cum_sum %x {axis = 1} : tensor<2x3xf32>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  rewrite: "multiply by a triangular matrix of ones",
  attrs: { axis: int(0), exclusive: bool(false), reverse: bool(false) },

  infer({ input }, { axis }, fail) {
    requirePlain("input", input, numberElements, fail);
    resolveAxis(axis, input.shape.length, fail);
    return input;
  },

  express({ input }, { axis: given, exclusive, reverse }, result) {
    const { shape, element } = input.type;
    const axis = axisOf(given, shape.length);
    const domain = axes(shape, []);
    const along = variable("k", shape[axis]!);
    const skipped = exclusive ? 1 : 0;
    const first = reverse ? skipped : 1 - shape[axis]! - skipped;
    const index = domain.map(at).with(axis, affine(first, [domain[axis]!, 1], [along, 1]));
    const value = reduceElements("add", element, [along], load(input.tensor, index, 0));
    return [compute(result.tensor, domain, value)];
  },
});
