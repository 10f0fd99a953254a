/** Negation. */
import { unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const neg = defineUnary({
  name: "neg",
  doc: "y = -x. Source: ONNX Neg.",
  real: (x) => unary("neg", x),
});
