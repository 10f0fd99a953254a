/** The exponential linear unit. */
import { is, times, when } from "../expr/double-terms.ts";
import { expm1Expression } from "../expr/elementary.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const elu = defineUnary({
  name: "elu",
  doc: "y = x for x >= 0, alpha * (e^x - 1) below. Source: ONNX Elu.",
  attrs: { alpha: float(1) },
  exampleAttributes: " {alpha = 0.5}",
  real: (element, { alpha }) =>
    inDouble((x) => when(is(x, "lt", 0), times(alpha, expm1Expression(x)), x))(element),
});
