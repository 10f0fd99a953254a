/** The larger of two elements. Scales are positive, so it keeps its meaning on stored integers of one quantization. */
import { maxElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const maximum = defineBinary({
  name: "maximum",
  doc: "y = max(lhs, rhs). Source: ONNX Max.",
  plain: maxElements,
  stored: "same",
  integer: { kind: "same" },
});
