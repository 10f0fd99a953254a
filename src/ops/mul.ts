/** Multiplication. Stored operands give an i32 accumulator, which they have to fit. */
import { mulElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const mul = defineBinary({
  name: "mul",
  doc: `y = lhs * rhs. Stored, (lhs - zero) * (rhs - zero) in i32, whose scale is the product of the scales.
Source: ONNX Mul.`,
  plain: mulElements,
  stored: "product",
  integer: { kind: "accumulator", wide: true },
});
