/** The larger of two elements. Scales are positive, so it keeps its meaning on stored integers of one quantization. */
import { max } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";

export const maximum = defineBinary({
  name: "maximum",
  doc: "y = max(lhs, rhs). Source: ONNX Max.",
  real: max,
  stored: "same",
  integer: { kind: "same" },
});
