/** The piecewise quadratic stand-in for silu. */
import { add, clamp, mul } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { defineUnary } from "./unary.ts";

export const hardSwish = defineUnary({
  name: "hard_swish",
  doc: "y = x * min(max(x / 6 + 1/2, 0), 1), with 1/6 rounded to f32. Source: ONNX HardSwish.",
  real: (x) => mul(x, clamp(add(mul(x, like(x, 1 / 6)), like(x, 0.5)), like(x, 0), like(x, 1))),
});
