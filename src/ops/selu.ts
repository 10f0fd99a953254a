/** The scaled exponential linear unit. */
import { is, times, when } from "../expr/double-terms.ts";
import { expm1Expression } from "../expr/elementary.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const selu = defineUnary({
  name: "selu",
  doc: "y = gamma * x for x > 0, gamma * alpha * (e^x - 1) else. Source: ONNX Selu; Klambauer et al. 2017.",
  attrs: { alpha: float(1.6732632423543772), gamma: float(1.0507009873554805) },
  exampleAttributes: " {alpha = 1.5}",
  real: (element, { alpha, gamma }) =>
    inDouble((x) => times(gamma, when(is(x, "gt", 0), x, times(alpha, expm1Expression(x)))))(element),
});
