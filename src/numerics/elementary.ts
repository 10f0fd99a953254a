/**
 * Elementary functions in doubles, the same on every machine.
 *
 * `Math.exp` and its kin may differ between engines, and compiled code has none, so each function here is a fixed
 * sequence of + - * / negation, sqrt, floor, abs, comparisons, `pow2` and `splitExponent`. Lowering writes the very
 * same sequence in WASM or C: each of these is correctly rounded everywhere, so the results agree bit for bit (NaN
 * payloads aside) as long as nothing is fused or reordered.
 *
 * The code is straight-line: a ternary is a select, both of whose arms are evaluated and harmless. Inputs for which a
 * step is undefined (`pow2` of a NaN, the exponent of zero) are replaced beforehand and their results afterwards.
 *
 * Measured errors stay within, in units in the last place: 1 for exp, log, log1p, pow, sin and cos (|x| <= 2^20);
 * 2 for expm1, tanh, sigmoid and erf. test/numerics/elementary.test.ts compares with 320-bit arithmetic.
 *
 * The reductions and the coefficients are those of fdlibm, its branches replaced by selects. Its notice: Copyright (C)
 * 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunSoft, a Sun Microsystems, Inc. business.
 * Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is
 * preserved.
 */

export { erf } from "./error-function.ts";
export { exp, expm1, sigmoid, tanh } from "./exponential.ts";
export { log, log1p } from "./logarithm.ts";
export { pow } from "./power.ts";
export { cos, sin } from "./trigonometric.ts";
