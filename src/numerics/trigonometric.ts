/**
 * Sine and cosine in doubles, within 1 unit in the last place for |x| <= 2^20 (see elementary.ts for the rules).
 *
 *     n = floor(x 2/pi + 1/2)      r = x - n pi/2, in three parts of pi/2, kept as r + rest      then by n mod 4
 *
 * The first two parts have 33 bits, so that their products with n are exact up to 2^20; beyond it the accuracy falls
 * until, from 2^40 or so, the result means nothing (there is no Payne-Hanek reduction). It stays within [-1, 1], and
 * the same everywhere. Coefficients of fdlibm (Sun Microsystems 1993, freely usable).
 */

const twoOverPi = 6.36619772367581382433e-1;
const halfPiFirst = 1.57079632673412561417;
const halfPiSecond = 6.0771005063039659766e-11;
const halfPiThird = 2.02226624879595063154e-21;
const quarterPi = 0.7853981633974483;

export function sin(x: number): number {
  return sinOfQuadrant(x, 0);
}

export function cos(x: number): number {
  return sinOfQuadrant(x, 1);
}

/** sin(x + shift pi/2). */
function sinOfQuadrant(x: number, shift: number): number {
  const finite = x - x === 0 ? x : 0;
  const n = Math.floor(finite * twoOverPi + 0.5);
  const a = finite - n * halfPiFirst;
  const b = -n * halfPiSecond;
  const sum = a + b;
  const fromB = sum - a;
  const lost = a - (sum - fromB) + (b - fromB) - n * halfPiThird;
  const nearest = sum + lost;
  // Only inputs far beyond 2^20 leave the quadrant by more than rounding.
  const inside = Math.abs(nearest) < 0.79;
  const r = inside ? nearest : nearest < 0 ? -quarterPi : quarterPi;
  const rest = inside ? lost - (nearest - sum) : 0;

  const turned = n + shift;
  const quadrant = turned - 4 * Math.floor(turned * 0.25);
  const even = quadrant === 0 || quadrant === 2;
  const value = even ? sinNearZero(r, rest) : cosNearZero(r, rest);
  const signed = quadrant >= 2 ? -value : value;
  const zero = x === 0 && shift === 0; // keeps -0
  return x - x === 0 ? (zero ? x : signed) : NaN;
}

function sinNearZero(x: number, low: number): number {
  const z = x * x;
  const v = z * x;
  const r =
    8.33333333332248946124e-3 +
    z *
      (-1.98412698298579493134e-4 +
        z * (2.75573137070700676789e-6 + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)));
  return x - (z * (0.5 * low - v * r) - low - v * -1.66666666666666324348e-1);
}

function cosNearZero(x: number, low: number): number {
  const z = x * x;
  const w = z * z;
  const r =
    z * (4.16666666666666019037e-2 + z * (-1.38888888888741095749e-3 + z * 2.48015872894767294178e-5)) +
    w * w * (-2.75573143513906633035e-7 + z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11));
  const half = 0.5 * z;
  const first = 1 - half;
  return first + (1 - first - half + (z * r - x * low));
}
