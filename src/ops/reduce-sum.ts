/** The sum over axes. */
import { compute } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { permuteReduction } from "./permuting.ts";
import { reductionAttributes } from "./reductions.ts";
import { storedSums, sumExpression, sumType } from "./sums.ts";

export const reduceSum = defineOp({
  name: "reduce_sum",
  doc: `y = sum of x over axes, in row-major order. Stored, the sum of (q - zero) in i32, of the operand's scale.
Source: ONNX ReduceSum.`,
  example: "%y = reduce_sum %x {axes = [1, 2]} : tensor<1x1x1x2xf32>",
  given: { "%x": "tensor<1x4x4x2xf32>" },
  operands: ["input"],
  attrs: reductionAttributes,
  integer: { kind: "accumulator" },
  permute: permuteReduction,
  infer: ({ input }, attrs, fail) => sumType(input, attrs, 1, fail),

  express({ input }, attrs, result) {
    const { domain, total } = sumExpression(input, attrs);
    return [compute(result.tensor, domain, total)];
  },

  evalStored: ({ input }, attrs, { operands, result }) =>
    storedSums(input, attrs, operands.input.quantization!.zero[0]!, result.shape),
});
