/** The mean over axes; global average pooling is the mean over height and width. */
import { defineSum } from "./sums.ts";

export const reduceMean = defineSum(
  "reduce_mean",
  `y = (sum of x over axes, in row-major order) / N. Stored, the sum of (q - zero) in i32, of the operand's scale / N.
Source: ONNX ReduceMean, GlobalAveragePool.`,
  true,
);
