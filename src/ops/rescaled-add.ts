/** The stored form of `add`. */
import { defineRescaled } from "./rescaled.ts";

export const rescaledAdd = defineRescaled(
  "rescaled_add",
  `y = clamp(((lhs - zl) * m0 + (rhs - zr) * m1 + 2^(shift - 1)) >> shift, lo - zy, hi - zy) + zy in i32, where
m0 = round(sl / sy * 2^shift) and m1 = round(sr / sy * 2^shift). Operands broadcast as in numpy.`,
  1,
);
