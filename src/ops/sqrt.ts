/** The square root. */
import { unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const sqrt = defineUnary({
  name: "sqrt",
  doc: "y = sqrt(x), correctly rounded; NaN below 0. Source: ONNX Sqrt.",
  real: (x) => unary("sqrt", x),
});
