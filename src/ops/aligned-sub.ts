/** The stored form of `sub` under a TensorFlow Lite profile. */
import { defineAligned } from "./aligned.ts";

export const alignedSub = defineAligned(
  "aligned_sub",
  `y = clamp(R(R((lhs - zl) << 20, m0, t0) - R((rhs - zr) << 20, m1, t1), m2, t2), lo - zy, hi - zy) + zy, with the multipliers and shifts of
aligned_add. Operands of 8 bits broadcast as in numpy. Source: TensorFlow Lite reference kernel SUB.`,
  -1,
);
