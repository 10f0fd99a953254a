/** The piecewise linear stand-in for the sigmoid. */
import { add, clamp, mul } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary } from "./unary.ts";

export const hardSigmoid = defineUnary({
  name: "hard_sigmoid",
  doc: "y = min(max(alpha * x + beta, 0), 1). Source: ONNX HardSigmoid.",
  attrs: { alpha: float(0.2), beta: float(0.5) },
  exampleAttributes: " {alpha = 0.25}",
  real: (x, { alpha, beta }) => clamp(add(mul(x, like(x, alpha)), like(x, beta)), like(x, 0), like(x, 1)),
});
