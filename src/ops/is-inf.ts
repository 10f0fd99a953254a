/** Whether an element is infinite. */
import { compare, i32, or } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import { bool } from "../ir/attributes.ts";
import { defineUnary } from "./unary.ts";

export const isInf = defineUnary({
  name: "is_inf",
  doc: "y = whether x is infinity, with positive, or minus infinity, with negative. Source: ONNX IsInf.",
  attrs: { positive: bool(true), negative: bool(true) },
  exampleAttributes: " {negative = false}",
  result: "bool",
  real(x, { positive, negative }) {
    const above = positive ? compare("eq", x, like(x, Infinity)) : i32(0);
    const below = negative ? compare("eq", x, like(x, -Infinity)) : i32(0);
    return or(above, below);
  },
  rewrite: "leave it out: stored integers are always finite",
});
