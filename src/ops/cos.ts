/** The cosine. */
import { cosExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const cos = defineUnary({
  name: "cos",
  doc: "y = cos x, x in radians. Source: ONNX Cos.",
  real: inDouble(cosExpression),
});
