/** Subtraction. On stored integers it is `rescaled_sub`, for its operands' scales differ. */
import { subElements } from "../expr/element-arithmetic.ts";
import { alignedSub } from "./aligned-sub.ts";
import { defineBinary } from "./binary.ts";
import { rescaledSub } from "./rescaled-sub.ts";

export const sub = defineBinary({
  name: "sub",
  doc: "y = lhs - rhs; plain integers wrap. Source: ONNX Sub.",
  plain: subElements,
  integer: { kind: "rescaled", stored: rescaledSub, aligned: alignedSub },
});
