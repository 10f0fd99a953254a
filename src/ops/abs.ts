/** The magnitude. */
import { unary } from "../expr/build.ts";
import { wrapElement } from "../expr/element-arithmetic.ts";
import { isSigned } from "../tensor/element-type.ts";
import { numberElements } from "./type-rules.ts";
import { defineUnary } from "./unary.ts";

export const abs = defineUnary({
  name: "abs",
  doc: "y = |x|. The least plain integer has no magnitude in its type and stays as it is. Source: ONNX Abs.",
  elements: numberElements,
  real: (x, _, element) => (isSigned(element) ? wrapElement(element, unary("abs", x)) : x),
});
