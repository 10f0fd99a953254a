/** e^x and the functions made of it, in doubles; elementary.ts has the rules of the code and the measured errors. */
import { pow2 } from "./float-bits.ts";

const ln2High = 6.9314718036912381649e-1; // 33 bits, so that its product with an exponent is exact
const ln2Low = 1.90821492927058770002e-10;
const log2e = 1.442695040888963387;

/** e^x. Subnormal results are rounded once; above 709.79 the result is Infinity. */
export function exp(x: number): number {
  return expOfSum(x, 0);
}

/**
 * e^(x + low), where `low` is the part of the exponent that `x` has no room for.
 *
 *     k = floor(x * log2(e) + 1/2)      r = x - k ln2, in two parts      e^x = 2^k e^r
 *     e^r = 1 + r + r c / (2 - c)       c = r - r² (P1 + r² (P2 + …)), Remez on [0, ln2 / 2]
 */
export function expOfSum(x: number, low: number): number {
  const ordered = x === x ? x : 0;
  const inside = ordered > 709.8 ? 709.8 : ordered < -745.2 ? -745.2 : ordered;
  const k = Math.floor(inside * log2e + 0.5);
  const high = inside - k * ln2High;
  const rest = k * ln2Low - (inside === x ? low : 0);
  const r = high - rest;
  const t = r * r;
  const c =
    r -
    t *
      (1.66666666666666019037e-1 +
        t *
          (-2.77777777770155933842e-3 +
            t *
              (6.61375632143793436117e-5 + t * (-1.6533902205465251539e-6 + t * 4.13813679705723846039e-8))));
  const y = 1 - (rest - (r * c) / (2 - c) - high);
  // In two steps, the first exact, because k reaches from -1075 to 1024.
  const half = Math.floor(k * 0.5);
  const result = y * pow2(half) * pow2(k - half);
  return x === x ? result : x;
}

/**
 * e^x - 1, precise about 0.
 *
 * With e^r - 1 = r - e and q = 2^(k - 1):   e^x - 1 = 2 (q (r - e) + (q - 1/2)),   where q - 1/2 is exact or harmless.
 */
export function expm1(x: number): number {
  const ordered = x === x ? x : 0;
  const inside = ordered > 709.8 ? 709.8 : ordered < -60 ? -60 : ordered;
  const k = Math.floor(inside * log2e + 0.5);
  const high = inside - k * ln2High;
  const low = k * ln2Low;
  const r = high - low;
  const lost = high - r - low;
  const halfR = 0.5 * r;
  const z = r * halfR;
  const p =
    1 +
    z *
      (-3.33333333333331316428e-2 +
        z *
          (1.58730158725481460165e-3 +
            z *
              (-7.93650757867487942473e-5 +
                z * (4.00821782732936239552e-6 + z * -2.01099218183624371326e-7))));
  const t = 3 - p * halfR;
  const e = r * (z * ((p - t) / (6 - r * t)) - lost) - lost - z;
  const q = pow2(k - 1);
  const result = 2 * (q * (r - e) + (q - 0.5));
  const tiny = Math.abs(x) < 5.551115123125783e-17; // 2^-54, below which e^x - 1 = x
  return x === x ? (tiny ? x : result) : x;
}

/**
 * The hyperbolic tangent, through t = expm1 of 2|x| or, where that would cancel, of -2|x|:
 *
 *     |x| >= 1/2:  1 - 2 / (t + 2)      else:  -t / (t + 2)
 */
export function tanh(x: number): number {
  const a = Math.abs(x);
  const large = a >= 0.5;
  const t = expm1(large ? 2 * (a > 22 ? 22 : a) : -2 * a);
  const magnitude = large ? 1 - 2 / (t + 2) : -t / (t + 2);
  const signed = x < 0 ? -magnitude : magnitude;
  const tiny = a < 3.725290298461914e-9; // 2^-28, below which tanh(x) = x
  return x === x ? (tiny ? x : signed) : x;
}

/** 1 / (1 + e^-x), through e^-|x|, which cannot overflow. */
export function sigmoid(x: number): number {
  const e = exp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
