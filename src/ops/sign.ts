/** The sign. */
import { compare, f32, select } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const sign = defineUnary({
  name: "sign",
  doc: "y = 1, 0 or -1 as x is positive, zero or NaN, negative. Source: ONNX Sign.",
  real: (x) => select(compare("gt", x, f32(0)), f32(1), select(compare("lt", x, f32(0)), f32(-1), f32(0))),
});
