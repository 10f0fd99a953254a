/** The sine. */
import { sinExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const sin = defineUnary({
  name: "sin",
  doc: "y = sin x, x in radians. Source: ONNX Sin.",
  real: inDouble(sinExpression),
});
