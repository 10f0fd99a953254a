/** Addition. On stored integers it is `rescaled_add`, for its operands' scales differ. */
import { addElements } from "../expr/element-arithmetic.ts";
import { alignedAdd } from "./aligned-add.ts";
import { defineBinary } from "./binary.ts";
import { rescaledAdd } from "./rescaled-add.ts";

export const add = defineBinary({
  name: "add",
  doc: "y = lhs + rhs; plain integers wrap. Source: ONNX Add.",
  plain: addElements,
  integer: { kind: "rescaled", stored: rescaledAdd, aligned: alignedAdd },
});
