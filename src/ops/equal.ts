/** Whether two elements are the same. */
import { compareElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";
import { comparableElements } from "./type-rules.ts";
export const equal = defineBinary({
  name: "equal",
  doc: "y = lhs = rhs; false where one is NaN. Source: ONNX Equal.",
  plain: (element, a, b) => compareElements("eq", element, a, b),
  elements: comparableElements,
  result: "bool",
  stored: "same",
  integer: { kind: "plain" },
});
