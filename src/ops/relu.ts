/**
 * The rectifier. Real zero is stored as the zero point, so on stored integers it is max(q, zero); usually it vanishes
 * into the clamp of the requantization that feeds it.
 */
import { axes, at, compute, load } from "../expr/build.ts";
import { like, maxElements } from "../expr/element-arithmetic.ts";
import { defineOp } from "../ir/operation.ts";
import { permuteElementwise } from "./permuting.ts";
import { isPlain, numberElements, requireActivation, requirePlain, zeroOf } from "./type-rules.ts";

export const relu = defineOp({
  name: "relu",
  doc: "y = max(x, 0). Stored, y = max(q, zero), in the operand's quantization. Source: ONNX Relu.",
  example: "%y = relu %x : tensor<4xf32>",
  given: { "%x": "tensor<4xf32>" },
  operands: ["input"],
  attrs: {},
  integer: { kind: "clamp", bounds: () => ({ low: 0, high: Infinity }) },
  permute: permuteElementwise,

  infer({ input }, _, fail) {
    if (isPlain(input)) requirePlain("input", input, numberElements, fail);
    else requireActivation("input", input, fail);
    return input;
  },

  express({ input }, _, result) {
    const domain = axes(result.type.shape, []);
    const x = load(input.tensor, domain.map(at));
    const zero = like(x, zeroOf(input.type));
    return [compute(result.tensor, domain, maxElements(input.type.element, x, zero))];
  },
});
