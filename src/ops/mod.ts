/** What a division leaves, of the divisor's sign, as in Python. */
import { modElements } from "../expr/element-arithmetic.ts";
import { defineBinary } from "./binary.ts";

export const mod = defineBinary({
  name: "mod",
  doc: `y = lhs - rhs * floor(lhs / rhs), of the sign of rhs; lhs where rhs is an integer 0.
Of reals in doubles, exact where the quotient is below 2^29. Source: ONNX Mod with fmod = 0.`,
  plain: (element, a, b) => modElements(element, a, b, false),
  rewrite: "compute remainders outside of the network",
});
