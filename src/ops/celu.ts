/** The continuously differentiable exponential linear unit. */
import { is, over, times, when } from "../expr/double-terms.ts";
import { expm1Expression } from "../expr/elementary.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const celu = defineUnary({
  name: "celu",
  doc: "y = max(x, 0) + min(0, alpha * (e^(x / alpha) - 1)). Source: ONNX Celu; Barron 2017.",
  attrs: { alpha: float(1) },
  exampleAttributes: " {alpha = 2}",
  real: (element, { alpha }) =>
    inDouble((x) => when(is(x, "lt", 0), times(alpha, expm1Expression(over(x, alpha))), x))(element),
});
