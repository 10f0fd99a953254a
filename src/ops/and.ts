/** Both of two truth values, or of the bits of integers. */
import { and as bits } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";
import { bitElements } from "./type-rules.ts";

export const and = defineBinary({
  name: "and",
  doc: "y = lhs and rhs, of bools, or bit by bit of plain integers. Source: ONNX And, BitwiseAnd.",
  elements: bitElements,
  plain: (_, a, b) => bits(a, b),
});
