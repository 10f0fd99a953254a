/** From stored integers to reals: the boundary of a stored graph, and half of a fake-quantization pair. */
import { at, axes, compute, convert, load, mul, sub } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, tensorType } from "../ir/types.ts";
import { permuteElementwise } from "./permuting.ts";
import { sliceScale, sliceZero } from "./slices.ts";
import { requireElement, weightElements } from "./type-rules.ts";

export const dequantize = defineOp({
  name: "dequantize",
  doc: `y = (q - zero) * scale: the difference exact and rounded to f32, multiplied in f32 by the scale rounded to f32.
Source: ONNX DequantizeLinear; TensorFlow Lite quantization specification.`,
  example: "%y = dequantize %x : tensor<4xf32>",
  given: { "%x": "tensor<4xi8, 0.5:-3>" },
  operands: ["input"],
  attrs: {},
  permute: permuteElementwise,

  infer({ input }, _, fail) {
    requireElement("input", input, [...weightElements, "u8", "i16", "u16", "i32"], fail);
    if (input.quantization === undefined)
      fail("quantization", `has input ${formatType(input)} without a quantization`);
    return tensorType("f32", input.shape);
  },

  express({ input }, _, result) {
    const domain = axes(result.type.shape, []);
    const centred = sub(load(input.tensor, domain.map(at)), sliceZero(domain, result, input.type));
    const scale = sliceScale("f32", input.type, domain, result);
    return [compute(result.tensor, domain, mul(convert("f32", centred), scale))];
  },
});
