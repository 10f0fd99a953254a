/** Addition. On stored integers it is `rescaled_add`, for its operands' scales differ. */
import { add as addition } from "../expr/build.ts";
import { defineBinary } from "./binary.ts";
import { rescaledAdd } from "./rescaled-add.ts";

export const add = defineBinary({
  name: "add",
  doc: "y = lhs + rhs. Source: ONNX Add.",
  real: addition,
  integer: { kind: "rescaled", stored: rescaledAdd },
});
