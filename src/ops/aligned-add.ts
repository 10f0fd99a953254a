/** The stored form of `add` under a TensorFlow Lite profile. */
import { defineAligned } from "./aligned.ts";

export const alignedAdd = defineAligned(
  "aligned_add",
  `y = clamp(R(R((lhs - zl) << 20, m0, t0) + R((rhs - zr) << 20, m1, t1), m2, t2), lo - zy, hi - zy) + zy in i32, where R(x, m, t) rounds
x * m / 2^t as requantize does, m0 / 2^t0 = sl / (2 max(sl, sr)), m1 / 2^t1 = sr / (2 max(sl, sr)) and m2 / 2^t2 = 2 max(sl, sr) / (2^20 sy).
Operands of 8 bits broadcast as in numpy. Source: TensorFlow Lite reference kernel ADD, CMSIS-NN arm_elementwise_add_s8.`,
  1,
);
