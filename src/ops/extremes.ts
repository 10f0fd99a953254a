/** The largest or smallest element over axes. Scales are positive, so both keep their meaning on stored integers. */
import { compute, load } from "../expr/build.ts";
import { reduceElements } from "../expr/element-arithmetic.ts";
import { defineOp, type TypedOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { permuteReduction } from "./permuting.ts";
import { reducedShape, reductionAttributes, reductionLoops } from "./reductions.ts";
import { isPlain, requireActivation } from "./type-rules.ts";

type ExtremeOp = TypedOp<readonly ["input"], typeof reductionAttributes>;

export function defineExtreme(name: string, doc: string, operator: "min" | "max"): ExtremeOp {
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %x {axes = [-1], keepdims = false} : tensor<2xf32>`,
    given: { "%x": "tensor<2x3xf32>" },
    operands: ["input"],
    attrs: reductionAttributes,
    integer: { kind: "same" },
    permute: permuteReduction,

    infer({ input }, attrs, fail) {
      const shape = reducedShape(input, attrs, fail);
      if (!isPlain(input)) requireActivation("input", input, fail);
      return tensorType(input.element, shape, input.quantization);
    },

    express({ input }, attrs, result) {
      const { domain, over, index } = reductionLoops(input.type.shape, attrs);
      const value = reduceElements(operator, input.type.element, over, load(input.tensor, index));
      return [compute(result.tensor, domain, value)];
    },
  });
}
