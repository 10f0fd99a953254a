/** Subtraction. On stored integers it is `rescaled_sub`, for its operands' scales differ. */
import { sub as subtraction } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";
import { rescaledSub } from "./rescaled-sub.ts";

export const sub = defineBinary({
  name: "sub",
  doc: "y = lhs - rhs. Source: ONNX Sub.",
  real: subtraction,
  integer: { kind: "rescaled", stored: rescaledSub },
});
