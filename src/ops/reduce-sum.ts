/** The sum over axes. */
import { defineSum } from "./sums.ts";

export const reduceSum = defineSum(
  "reduce_sum",
  `y = sum of x over axes, in row-major order. Stored, the sum of (q - zero) in i32, of the operand's scale.
Source: ONNX ReduceSum.`,
  false,
);
