/** Whether an element is no number. */
import { compare } from "../expr/build.ts";
import { defineUnary } from "./unary.ts";

export const isNan = defineUnary({
  name: "is_nan",
  doc: "y = whether x is NaN. Source: ONNX IsNaN.",
  result: "bool",
  real: (x) => compare("ne", x, x),
  rewrite: "leave it out: stored integers are always finite",
});
