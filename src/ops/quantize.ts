/** From reals to stored integers: the boundary of a stored graph, and half of a fake-quantization pair. */
import {
  add,
  at,
  axes,
  clamp,
  compare,
  compute,
  convert,
  div,
  f64,
  load,
  select,
  sub,
  unary,
} from "../expr/build.ts";
import type { Expression } from "../expr/expression.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { elementRange, isInteger } from "../tensor/element-type.ts";
import { permuteElementwise } from "./permuting.ts";
import { sliceScale, sliceZero } from "./slices.ts";
import { requireElement, requireReal } from "./type-rules.ts";

export const quantize = defineOp({
  name: "quantize",
  doc: `y = clamp(round(x / scale) + zero) in doubles, halves away from zero, to the element's range; NaN becomes zero. Scale and zero
are those of the result's type. Source: TensorFlow Lite quantization specification (ONNX QuantizeLinear rounds halves to even).`,
  example: "%y = quantize %x : tensor<4xi8, 0.5:-3>",
  given: { "%x": "tensor<4xf32>" },
  operands: ["input"],
  attrs: {},
  permute: permuteElementwise,

  infer({ input }, _, fail, declared) {
    requireReal("input", input, fail);
    if (declared === undefined)
      return fail("result-type", "needs a result type, which its operand does not determine");
    if (!sameShape(declared.shape, input.shape))
      fail("result-type", `is declared ${formatType(declared)}, expected the shape of ${formatType(input)}`);
    if (!isInteger(declared.element) || declared.quantization === undefined)
      fail("result-type", `is declared ${formatType(declared)}, expected integers with a quantization`);
    requireElement("a result", declared, ["i8", "u8", "i16", "u16", "i32"], fail);
    return declared;
  },

  express({ input }, _, result) {
    const domain = axes(result.type.shape, []);
    const { min, max } = elementRange(result.type.element);
    const zero = sliceZero(domain, result);
    const x = convert("f64", load(input.tensor, domain.map(at)));
    const rounded = roundHalfAway(div(x, sliceScale("f64", result.type, domain, result)));
    // The clamp comes before the zero point, so that NaN, which converts to 0, becomes the zero point.
    const low = zero.kind === "constant" ? f64(min - zero.value) : sub(f64(min), convert("f64", zero));
    const high = zero.kind === "constant" ? f64(max - zero.value) : sub(f64(max), convert("f64", zero));
    const stored = add(convert("i32", clamp(rounded, low, high)), zero);
    return [compute(result.tensor, domain, stored)];
  },
});

/** Halves away from zero, by the fraction, which is exact. */
function roundHalfAway(v: Expression): Expression {
  const whole = unary("trunc", v);
  const fraction = sub(v, whole);
  const below = select(compare("le", fraction, f64(-0.5)), sub(whole, f64(1)), whole);
  return select(compare("ge", fraction, f64(0.5)), add(whole, f64(1)), below);
}
