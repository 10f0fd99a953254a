/** Chooses between two tensors, element by element. */
import { axes, compute, load, select as choose } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameQuantization, tensorType } from "../ir/types.ts";
import { broadcastIndex, broadcastShape } from "./broadcasting.ts";
import { permuteElementwise } from "./permuting.ts";
import { isPlain, requireActivation, requirePlain } from "./type-rules.ts";

export const select = defineOp({
  name: "select",
  doc: `y = condition ? lhs : rhs. Operands broadcast as in numpy; stored, lhs and rhs have one quantization. Source: ONNX Where.`,
  example: "%y = select %c, %a, %b : tensor<2x3xf32>",
  given: { "%c": "tensor<2x1xbool>", "%a": "tensor<2x3xf32>", "%b": "tensor<3xf32>" },
  operands: ["condition", "lhs", "rhs"],
  attrs: {},
  integer: { kind: "same" },
  permute: permuteElementwise,

  infer({ condition, lhs, rhs }, _, fail) {
    requirePlain("condition", condition, ["bool"], fail);
    if (!isPlain(lhs)) requireActivation("lhs", lhs, fail);
    if (lhs.element !== rhs.element || !sameQuantization(lhs.quantization, rhs.quantization))
      fail("operand-type", `chooses between ${formatType(lhs)} and ${formatType(rhs)}, expected one type`);
    const shape = broadcastShape(broadcastShape(lhs.shape, rhs.shape, fail), condition.shape, fail);
    return tensorType(lhs.element, shape, lhs.quantization);
  },

  express({ condition, lhs, rhs }, _, result) {
    const domain = axes(result.type.shape, []);
    const [c, a, b] = [condition, lhs, rhs].map(({ tensor, type }) =>
      load(tensor, broadcastIndex(type.shape, domain)),
    ) as [ReturnType<typeof load>, ReturnType<typeof load>, ReturnType<typeof load>];
    return [compute(result.tensor, domain, choose(c, a, b))];
  },
});
