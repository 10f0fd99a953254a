/** Division. It has no integer form: division by a constant is multiplication by its reciprocal. */
import { div as division } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";

export const div = defineBinary({
  name: "div",
  doc: "y = lhs / rhs, as IEEE 754 defines it for zero divisors. Source: ONNX Div.",
  real: division,
});
