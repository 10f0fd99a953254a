/** The smooth rectifier. */
import { absolute, is, negated, plus, when } from "../expr/double-terms.ts";
import { expExpression, log1pExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const softplus = defineUnary({
  name: "softplus",
  doc: "y = ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|), which cannot overflow. Source: ONNX Softplus.",
  real: inDouble((x) =>
    plus(when(is(x, "lt", 0), 0, x), log1pExpression(expExpression(negated(absolute(x))))),
  ),
});
