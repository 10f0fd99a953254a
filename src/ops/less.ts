/** Whether an element is smaller than another; greater is less with its operands exchanged. */
import { compareElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const less = defineBinary({
  name: "less",
  doc: "y = lhs < rhs; false where one is NaN. Source: ONNX Less, Greater.",
  plain: (element, a, b) => compareElements("lt", element, a, b),
  result: "bool",
  stored: "same",
  integer: { kind: "plain" },
});
