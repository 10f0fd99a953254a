/** The smallest element over axes. */
import { defineExtreme } from "./extremes.ts";

export const reduceMin = defineExtreme(
  "reduce_min",
  "y = the smallest x over axes; stored, in the operand's quantization. Source: ONNX ReduceMin.",
  "min",
);
