/**
 * The two views of a double's bits that the elementary functions need. Compiled code does the same with integer
 * instructions: `pow2` assembles an exponent field, `splitExponent` takes one apart.
 */

const view = new DataView(new ArrayBuffer(8));

/**
 * 2^k, exact.
 *
 * @param k an integer in [-1074, 1023]; the compiled forms only take [-1022, 1023], whose results are normal
 */
export function pow2(k: number): number {
  if (!Number.isInteger(k) || k < -1074 || k > 1023) throw new Error(`internal: 2^${k} is no double`);
  if (k < -1022) return pow2(k + 1022) * 2.2250738585072014e-308;
  view.setUint32(0, (k + 1023) * 2 ** 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/**
 * `x = mantissa * 2^exponent` with the mantissa in [1, 2).
 *
 * @param x positive, finite; subnormals are scaled up by 2^54 first
 */
export function splitExponent(x: number): { readonly mantissa: number; readonly exponent: number } {
  if (!(x > 0 && x < Infinity)) throw new Error(`internal: ${x} has no exponent`);
  const subnormal = x < 2.2250738585072014e-308;
  view.setFloat64(0, subnormal ? x * 18014398509481984 : x);
  const top = view.getUint32(0);
  const biased = Math.floor(top / 2 ** 20);
  view.setUint32(0, (top % 2 ** 20) + 1023 * 2 ** 20);
  return { mantissa: view.getFloat64(0), exponent: biased - 1023 - (subnormal ? 54 : 0) };
}
