/** The exponential function. */
import { expExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const exp = defineUnary({
  name: "exp",
  doc: "y = e^x. Source: ONNX Exp.",
  real: inDouble(expExpression),
});
