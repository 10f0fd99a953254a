/** The rectifier that lets through only what exceeds a threshold. */
import { compare, select } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary } from "./unary.ts";

export const thresholdedRelu = defineUnary({
  name: "thresholded_relu",
  doc: "y = x for x > alpha, 0 else. Source: ONNX ThresholdedRelu.",
  attrs: { alpha: float(1) },
  exampleAttributes: " {alpha = 0.5}",
  real: (x, { alpha }) => select(compare("gt", x, like(x, alpha)), x, like(x, 0)),
});
