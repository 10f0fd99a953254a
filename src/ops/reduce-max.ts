/** The largest element over axes. Scales are positive, so it keeps its meaning on stored integers. */
import { compute, constant, load, reduce, scalarTypeOf } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { permuteReduction } from "./permuting.ts";
import { reducedShape, reductionAttributes, reductionLoops } from "./reductions.ts";
import { isReal, lowestOf, requireActivation } from "./type-rules.ts";

export const reduceMax = defineOp({
  name: "reduce_max",
  doc: "y = the largest x over axes; stored, in the operand's quantization. Source: ONNX ReduceMax.",
  example: "%y = reduce_max %x {axes = [-1], keepdims = false} : tensor<2xf32>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  attrs: reductionAttributes,
  integer: { kind: "same" },
  permute: permuteReduction,

  infer({ input }, attrs, fail) {
    const shape = reducedShape(input, attrs, fail);
    if (!isReal(input)) requireActivation("input", input, fail);
    return tensorType(input.element, shape, input.quantization);
  },

  express({ input }, attrs, result) {
    const { domain, over, index } = reductionLoops(input.type.shape, attrs);
    const lowest = constant(scalarTypeOf(input.tensor), lowestOf(input.type));
    return [compute(result.tensor, domain, reduce("max", over, load(input.tensor, index), lowest))];
  },
});
