/** ln x and ln(1 + x) in doubles, within 1 unit in the last place; elementary.ts has the rules of the code. */
import { splitExponent } from "./float-bits.ts";

const ln2High = 6.9314718036912381649e-1; // 33 bits, so that its product with an exponent is exact
const ln2Low = 1.90821492927058770002e-10;
const sqrt2 = 1.4142135623730951;

/** The natural logarithm; -Infinity at 0, NaN below. */
export function log(x: number): number {
  const { mantissa, exponent } = splitExponent(x > 0 && x < Infinity ? x : 1);
  const large = mantissa > sqrt2;
  const f = (large ? mantissa * 0.5 : mantissa) - 1;
  const result = logOfParts(f, large ? exponent + 1 : exponent, 0);
  return x > 0 ? (x < Infinity ? result : x) : x === 0 ? -Infinity : NaN;
}

/** ln(1 + x), precise about 0; -Infinity at -1, NaN below. */
export function log1p(x: number): number {
  const inside = x > -1 && x < Infinity ? x : 0;
  const u = 1 + inside;
  const { mantissa, exponent } = splitExponent(u);
  const large = mantissa > sqrt2;
  const k = large ? exponent + 1 : exponent;
  // What 1 + x lost, relative to it; nothing when k is 0, since then x itself serves as f.
  const lost = (k > 1 ? 1 - (u - inside) : inside - (u - 1)) / u;
  const f = (large ? mantissa * 0.5 : mantissa) - 1;
  const result = logOfParts(k === 0 ? inside : f, k, k === 0 ? 0 : lost);
  const finite = x === 0 ? x : result;
  return x > -1 ? (x < Infinity ? finite : x) : x === -1 ? -Infinity : NaN;
}

/**
 * ln(2^k (1 + f)) + low, for 1 + f in [sqrt(1/2), sqrt(2)].
 *
 *     s = f / (2 + f)      ln(1 + f) = 2 atanh(s) = f - f²/2 + s (f²/2 + R),   R = Remez in s²
 */
function logOfParts(f: number, k: number, low: number): number {
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const odd =
    z *
    (6.66666666666673513e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const halfSquare = 0.5 * f * f;
  return s * (halfSquare + (odd + even)) + (k * ln2Low + low) - halfSquare + f + k * ln2High;
}
