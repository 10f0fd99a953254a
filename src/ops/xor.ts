/** One but not both of two truth values, or of the bits of integers. */
import { xor as bits } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";
import { bitElements } from "./type-rules.ts";

export const xor = defineBinary({
  name: "xor",
  doc: "y = lhs xor rhs, of bools, or bit by bit of plain integers. Source: ONNX Xor, BitwiseXor.",
  elements: bitElements,
  plain: (_, a, b) => bits(a, b),
});
