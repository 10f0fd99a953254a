/** The rational sigmoid. */
import { add, div, unary } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { defineUnary } from "./unary.ts";

export const softsign = defineUnary({
  name: "softsign",
  doc: "y = x / (1 + |x|). Source: ONNX Softsign.",
  real: (x) => div(x, add(like(x, 1), unary("abs", x))),
});
