/** The sigmoid linear unit, also called swish. */
import { plus, negated, over } from "../expr/double-terms.ts";
import { expExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const silu = defineUnary({
  name: "silu",
  doc: "y = x / (1 + e^-x). Source: ONNX Swish; Ramachandran et al. 2017.",
  real: inDouble((x) => over(x, plus(1, expExpression(negated(x))))),
});
