/** Rounding down. */
import { unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const floor = defineUnary({
  name: "floor",
  doc: "y = the largest integer not above x. Source: ONNX Floor.",
  real: (x) => unary("floor", x),
});
