/** Where the smallest element is. */
import { definePosition } from "./positions.ts";

export const argMin = definePosition(
  "arg_min",
  `y = the position along axis of the smallest x, of the first such or, with last, the last; i64. Source: ONNX ArgMin.`,
  "min",
);
