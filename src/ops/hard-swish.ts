/** The piecewise quadratic stand-in for silu. */
import { add, clamp, f32, mul } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const hardSwish = defineUnary({
  name: "hard_swish",
  doc: "y = x * min(max(x / 6 + 1/2, 0), 1), with 1/6 rounded to f32. Source: ONNX HardSwish.",
  real: (x) => mul(x, clamp(add(mul(x, f32(1 / 6)), f32(0.5)), f32(0), f32(1))),
});
