/** The reciprocal. */
import { div } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { defineUnary } from "./unary.ts";

export const reciprocal = defineUnary({
  name: "reciprocal",
  doc: "y = 1 / x, as IEEE 754 defines it for zero. Source: ONNX Reciprocal.",
  real: (x) => div(like(x, 1), x),
});
