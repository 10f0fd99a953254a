/** The mean over axes; global average pooling is the mean over height and width. */
import { compute } from "../expr/build.ts";
import { divElements, like } from "../expr/element-arithmetic.ts";
import { bool } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { numbersOf, tensor } from "../tensor/tensor.ts";
import { nearestAway } from "./exact-rescale.ts";
import { permuteReduction } from "./permuting.ts";
import { reducedCount, reducedShape, reductionAttributes } from "./reductions.ts";
import { requireRoundable, roundedMean } from "./rounded-mean.ts";
import { storedSums, sumExpression, sumType } from "./sums.ts";
import { isPlain, requireActivation, zeroOf } from "./type-rules.ts";

export const reduceMean = defineOp({
  name: "reduce_mean",
  doc: `y = (sum of x over axes, in row-major order) / N. Stored, the sum of (q - zero) in i32, of the operand's scale / N; with rounded,
(sum of q) / N to the nearest integer, halves away from 0, of the operand's type.
Source: ONNX ReduceMean, GlobalAveragePool; TensorFlow Lite AVERAGE_POOL_2D.`,
  example: "%y = reduce_mean %x {axes = [1, 2]} : tensor<1x1x1x2xf32>",
  given: { "%x": "tensor<1x4x4x2xf32>" },
  operands: ["input"],
  attrs: { ...reductionAttributes, rounded: bool(false) },
  integer: { kind: "accumulator", averages: true },
  permute: permuteReduction,

  infer({ input }, attrs, fail) {
    if (!attrs.rounded || isPlain(input)) {
      // The shape first: it says which axes there are to count.
      reducedShape(input, attrs, fail);
      return sumType(input, attrs, reducedCount(input.shape, attrs.axes), fail);
    }
    requireActivation("input", input, fail);
    const shape = reducedShape(input, attrs, fail);
    requireRoundable(input.element, [reducedCount(input.shape, attrs.axes)], fail);
    return tensorType(input.element, shape, input.quantization);
  },

  express({ input }, attrs, result) {
    const { domain, total } = sumExpression(input, attrs);
    const count = reducedCount(input.type.shape, attrs.axes);
    if (isPlain(input.type))
      return [compute(result.tensor, domain, divElements(input.type.element, total, like(total, count)))];
    if (!attrs.rounded) return [compute(result.tensor, domain, total)];
    const mean = roundedMean(total, zeroOf(input.type), [count]);
    return [compute(result.tensor, domain, mean)];
  },

  evalStored({ input }, attrs, { operands, result }) {
    const zero = operands.input.quantization!.zero[0]!;
    const sums = storedSums(input, attrs, zero, result.shape);
    if (!attrs.rounded) return sums;
    const count = reducedCount(input.shape, attrs.axes);
    const means = Array.from(numbersOf(sums), (x) =>
      Number(nearestAway(BigInt(x + count * zero), BigInt(count))),
    );
    return tensor(result.element, result.shape, means);
  },
});
