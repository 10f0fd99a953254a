/** The error function. */
import { erfExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const erf = defineUnary({
  name: "erf",
  doc: "y = 2 / sqrt(pi) * the integral of e^-t^2 from 0 to x. Source: ONNX Erf.",
  real: inDouble(erfExpression),
});
