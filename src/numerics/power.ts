/**
 * x^y in doubles, within 1 unit in the last place or close to it (see elementary.ts for the rules of the code).
 *
 * x^y = e^(y ln x), where an error in the exponent becomes a relative error of the result. So ln x is taken in pairs
 * of doubles (high + low, about 2^-64 of relative error), multiplied by y in pairs, and `expOfSum` takes both halves:
 *
 *     x = 2^k m,  s = (m - 1) / (m + 1)        ln x = k ln2 + 2 (s + s³/3 + s⁵ (1/5 + s²/7 + …))
 *
 * Special values as C99's pow: x^0 = 1 and 1^y = 1 even for NaN, negative x only with integers y.
 */
import { expOfSum } from "./exponential.ts";
import { splitExponent } from "./float-bits.ts";

/** The unevaluated sum of two doubles, the second below half a unit of the first. */
interface Pair {
  readonly high: number;
  readonly low: number;
}

const third: Pair = { high: 0.3333333333333333, low: 1.850371707708594e-17 };
const ln2: Pair = { high: 0.6931471805599453, low: 2.3190468138462996e-17 };

export function pow(x: number, y: number): number {
  const a = Math.abs(x);
  // Beyond 2^70 every base but 1 overflows or vanishes already, and pair products stay finite.
  const ordered = y === y ? y : 0;
  const exponent = ordered > 2 ** 70 ? 2 ** 70 : ordered < -(2 ** 70) ? -(2 ** 70) : ordered;
  const product = timesPair(logOfPair(a > 0 && a < Infinity ? a : 1), { high: exponent, low: 0 });
  const finite = expOfSum(product.high, product.low);
  const atZero = y > 0 ? 0 : Infinity;
  const atInfinity = y > 0 ? Infinity : 0;
  const magnitude = a === 0 ? atZero : a < Infinity ? finite : atInfinity;

  const integer = Math.floor(y) === y;
  const odd = integer && Math.floor(y * 0.5) !== y * 0.5;
  const negative = x < 0 || 1 / x < 0;
  const signed = negative && odd ? -magnitude : magnitude;
  const undefinedHere = x !== x || y !== y || (x < 0 && a < Infinity && !integer);
  return y === 0 || x === 1 ? 1 : undefinedHere ? NaN : signed;
}

/** ln x for positive finite x. */
function logOfPair(x: number): Pair {
  const { mantissa, exponent } = splitExponent(x);
  const large = mantissa > 1.4142135623730951;
  const m = large ? mantissa * 0.5 : mantissa;
  const k = large ? exponent + 1 : exponent;
  const f = m - 1;
  const sum = m + 1;
  const sumLow = m - (sum - 1);
  const high = f / sum;
  const product = timesExactly(high, sum);
  const s: Pair = { high, low: (f - product.high - product.low - high * sumLow) / sum };

  const square = timesPair(s, s);
  const cube = timesPair(s, square);
  const z = square.high;
  let series = 1 / 29;
  for (let n = 27; n >= 5; n -= 2) series = 1 / n + z * series;
  const fifth = cube.high * z * series;
  const cubic = timesPair(cube, third);
  const odd = plusPair(s, plusPair(cubic, { high: fifth, low: 0 }));
  return plusPair(timesPair(ln2, { high: k, low: 0 }), { high: 2 * odd.high, low: 2 * odd.low });
}

/** a * b, exact, by Dekker's splitting: no fused multiply-add is assumed. */
function timesExactly(a: number, b: number): Pair {
  const high = a * b;
  const ca = 134217729 * a;
  const cb = 134217729 * b;
  const aHigh = ca - (ca - a);
  const bHigh = cb - (cb - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return { high, low: aHigh * bHigh - high + aHigh * bLow + aLow * bHigh + aLow * bLow };
}

function timesPair(a: Pair, b: Pair): Pair {
  const product = timesExactly(a.high, b.high);
  const low = product.low + (a.high * b.low + a.low * b.high);
  const high = product.high + low;
  return { high, low: low - (high - product.high) };
}

function plusPair(a: Pair, b: Pair): Pair {
  const sum = a.high + b.high;
  const fromB = sum - a.high;
  const error = a.high - (sum - fromB) + (b.high - fromB);
  const low = error + (a.low + b.low);
  const high = sum + low;
  return { high, low: low - (high - sum) };
}
