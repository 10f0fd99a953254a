/** The other truth value, or all bits of integers turned. */
import { xor } from "../expr/build.ts";
import { like, wrapElement } from "../expr/element-arithmetic.ts";
import { bitElements } from "./type-rules.ts";
import { defineUnary } from "./unary.ts";

export const not = defineUnary({
  name: "not",
  doc: "y = not x, of bools, or bit by bit of plain integers. Source: ONNX Not, BitwiseNot.",
  elements: bitElements,
  real: (x, _, element) =>
    element === "bool" ? xor(x, like(x, 1)) : wrapElement(element, xor(x, like(x, -1))),
});
