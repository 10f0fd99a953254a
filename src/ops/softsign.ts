/** The rational sigmoid. */
import { add, div, f32, unary } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const softsign = defineUnary({
  name: "softsign",
  doc: "y = x / (1 + |x|). Source: ONNX Softsign.",
  real: (x) => div(x, add(f32(1), unary("abs", x))),
});
