/** Takes small magnitudes to zero and others towards it. */
import { add, compare, select, sub } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { float } from "../ir/attributes.ts";
import { defineUnary } from "./unary.ts";

export const shrink = defineUnary({
  name: "shrink",
  doc: "y = x + bias for x < -lambd, x - bias for x > lambd, 0 else. Source: ONNX Shrink.",
  attrs: { lambd: float(0.5), bias: float(0) },
  exampleAttributes: " {bias = 0.25}",
  real(x, { lambd, bias }) {
    const above = select(compare("gt", x, like(x, lambd)), sub(x, like(x, bias)), like(x, 0));
    return select(compare("lt", x, like(x, -lambd)), add(x, like(x, bias)), above);
  },
});
