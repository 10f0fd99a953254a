/** The natural logarithm. */
import { logExpression } from "../expr/elementary.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const log = defineUnary({
  name: "log",
  doc: "y = ln x; -inf at 0, NaN below. Source: ONNX Log.",
  real: inDouble(logExpression),
});
