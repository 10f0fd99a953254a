/** Where the largest element is. */
import { definePosition } from "./positions.ts";

export const argMax = definePosition(
  "arg_max",
  `y = the position along axis of the largest x, of the first such or, with last, the last; i64. Source: ONNX ArgMax.`,
  "max",
);
