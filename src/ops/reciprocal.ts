/** The reciprocal. */
import { div, f32 } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const reciprocal = defineUnary({
  name: "reciprocal",
  doc: "y = 1 / x, as IEEE 754 defines it for zero. Source: ONNX Reciprocal.",
  real: (x) => div(f32(1), x),
});
