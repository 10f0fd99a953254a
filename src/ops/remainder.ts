/** What a division leaves, of the dividend's sign, as in C. */
import { modElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const remainder = defineBinary({
  name: "remainder",
  doc: `y = lhs - rhs * trunc(lhs / rhs), of the sign of lhs; lhs where rhs is an integer 0.
Of reals in doubles, exact where the quotient is below 2^29. Source: ONNX Mod with fmod = 1.`,
  plain: (element, a, b) => modElements(element, a, b, true),
  rewrite: "compute remainders outside of the network",
});
