/** Rounding to the nearest integer. */
import { unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const round = defineUnary({
  name: "round",
  doc: "y = the integer nearest to x, halves to the even one. Source: ONNX Round.",
  real: (x) => unary("nearest", x),
});
