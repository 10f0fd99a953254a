/** The magnitude. */
import { unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const abs = defineUnary({
  name: "abs",
  doc: "y = |x|. Source: ONNX Abs.",
  real: (x) => unary("abs", x),
});
