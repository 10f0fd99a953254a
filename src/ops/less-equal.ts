/** Whether an element is at most another. */
import { compareElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const lessEqual = defineBinary({
  name: "less_equal",
  doc: "y = lhs <= rhs; false where one is NaN. Source: ONNX LessOrEqual, GreaterOrEqual.",
  plain: (element, a, b) => compareElements("le", element, a, b),
  result: "bool",
  stored: "same",
  integer: { kind: "plain" },
});
