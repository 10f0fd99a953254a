/** Either of two truth values, or of the bits of integers. */
import { or as bits } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";
import { bitElements } from "./type-rules.ts";

export const or = defineBinary({
  name: "or",
  doc: "y = lhs or rhs, of bools, or bit by bit of plain integers. Source: ONNX Or, BitwiseOr.",
  elements: bitElements,
  plain: (_, a, b) => bits(a, b),
});
