/** The largest element over axes. */
import { defineExtreme } from "./extremes.ts";

export const reduceMax = defineExtreme(
  "reduce_max",
  "y = the largest x over axes; stored, in the operand's quantization. Source: ONNX ReduceMax.",
  "max",
);
