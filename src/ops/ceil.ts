/** Rounding up. */
import { unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const ceil = defineUnary({
  name: "ceil",
  doc: "y = the smallest integer not below x. Source: ONNX Ceil.",
  real: (x) => unary("ceil", x),
});
