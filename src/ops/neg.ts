/** The opposite. */
import { unary } from "../expr/build.ts";
import { like, subElements } from "../expr/element-arithmetic.ts";
import { isFloat } from "../tensor/element-type.ts";
import { numberElements } from "./type-rules.ts";
import { defineUnary } from "./unary.ts";

export const neg = defineUnary({
  name: "neg",
  doc: "y = -x; plain integers wrap. Source: ONNX Neg.",
  elements: numberElements,
  real: (x, _, element) => (isFloat(element) ? unary("neg", x) : subElements(element, like(x, 0), x)),
});
