/** The smaller of two elements. Scales are positive, so it keeps its meaning on stored integers of one quantization. */
import { minElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const minimum = defineBinary({
  name: "minimum",
  doc: "y = min(lhs, rhs). Source: ONNX Min.",
  plain: minElements,
  stored: "same",
  integer: { kind: "same" },
});
