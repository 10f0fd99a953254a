/** Limits to an interval: ReLU6 is clip {min = 0, max = 6}. */
import { float } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { clampType, expressClamp } from "./clamps.ts";
import { permuteElementwise } from "./permuting.ts";

export const clip = defineOp({
  name: "clip",
  doc: `y = min(max(x, min), max). Stored, a bound b is zero + round(b / scale), in the operand's quantization.
Source: ONNX Clip.`,
  example: "%y = clip %x {min = 0, max = 6} : tensor<4xf32>",
  given: { "%x": "tensor<4xf32>" },
  operands: ["input"],
  attrs: { min: float(-Infinity), max: float(Infinity) },
  integer: {
    kind: "clamp",
    bounds: ({ min, max }) => ({ low: min as number, high: max as number }),
  },
  permute: permuteElementwise,
  infer: ({ input }, { min, max }, fail) => clampType(input, { low: min, high: max }, fail),
  express: ({ input }, { min, max }, result) => expressClamp(input, { low: min, high: max }, result),
});
