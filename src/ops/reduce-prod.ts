/** The product over axes. It has no integer form: its scale would be a power. */
import { compute, load } from "../expr/build.ts";
import { reduceElements } from "../expr/element-arithmetic.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { permuteReduction } from "./permuting.ts";
import { reducedShape, reductionAttributes, reductionLoops } from "./reductions.ts";
import { numberElements, requirePlain } from "./type-rules.ts";

export const reduceProd = defineOp({
  name: "reduce_prod",
  doc: "y = the product of x over axes, in row-major order. Source: ONNX ReduceProd.",
  example: "%y = reduce_prod %x {axes = [0]} : tensor<1x3xf32>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  attrs: reductionAttributes,
  rewrite: "write the product as element-wise products of slices",
  permute: permuteReduction,

  infer({ input }, attrs, fail) {
    requirePlain("input", input, numberElements, fail);
    return tensorType(input.element, reducedShape(input, attrs, fail));
  },

  express({ input }, attrs, result) {
    const { domain, over, index } = reductionLoops(input.type.shape, attrs);
    const value = reduceElements("mul", input.type.element, over, load(input.tensor, index));
    return [compute(result.tensor, domain, value)];
  },
});
