/** A smooth activation without saturation above. */
import { absolute, is, negated, plus, times, when } from "../expr/double-terms.ts";
import { expExpression, log1pExpression, tanhExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const mish = defineUnary({
  name: "mish",
  doc: "y = x * tanh(ln(1 + e^x)). Source: ONNX Mish; Misra 2019.",
  real: inDouble((x) => {
    const softplus = plus(when(is(x, "lt", 0), 0, x), log1pExpression(expExpression(negated(absolute(x)))));
    return times(x, tanhExpression(softplus));
  }),
});
