/** Division. */
import { divElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const div = defineBinary({
  name: "div",
  doc: "y = lhs / rhs, of reals as IEEE 754 defines it; of plain integers towards zero, and 0 where rhs is 0. Source: ONNX Div.",
  plain: divElements,
  rewrite: "divide by constants, multiply by a reciprocal, or normalize as layer normalization does",
});
