/** The rectifier that keeps a share of what is negative. */
import { compare, mul, select } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary } from "./unary.ts";

export const leakyRelu = defineUnary({
  name: "leaky_relu",
  doc: "y = x for x >= 0, alpha * x below. Source: ONNX LeakyRelu.",
  attrs: { alpha: float(0.01) },
  exampleAttributes: " {alpha = 0.1}",
  real: (x, { alpha }) => select(compare("lt", x, like(x, 0)), mul(x, like(x, alpha)), x),
});
