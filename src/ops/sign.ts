/** The sign. */
import { select } from "../expr/build.ts";
import { compareElements, like } from "../expr/element-arithmetic.ts";
import { isSigned } from "../tensor/element-type.ts";
import { numberElements } from "./type-rules.ts";
import { defineUnary } from "./unary.ts";

export const sign = defineUnary({
  name: "sign",
  doc: "y = 1, 0 or -1 as x is positive, zero or NaN, negative. Source: ONNX Sign.",
  elements: numberElements,
  real(x, _, element) {
    const zero = like(x, 0);
    const notPositive = isSigned(element)
      ? select(compareElements("lt", element, x, zero), like(x, -1), zero)
      : zero;
    return select(compareElements("gt", element, x, zero), like(x, 1), notPositive);
  },
});
