/**
 * The error function, 2/sqrt(pi) times the integral of e^-t² from 0 to x; GELU needs it.
 *
 * Four ranges, each with a rational function, chosen by selects (see elementary.ts for why, and for the rules):
 *
 *     |x| < 0.84375   x + x P(x²) / Q(x²)
 *     |x| < 1.25      c + P(|x| - 1) / Q(|x| - 1),   c = erf(1) rounded to f32
 *     |x| < 6         1 - e^(-x² - 0.5625 + R(1/x²) / S(1/x²)) / |x|,   R and S apart below and above 1 / 0.35
 *     else            1
 *
 * Coefficients of fdlibm (Sun Microsystems 1993, freely usable). Error below 2 units in the last place.
 */
import { exp } from "./exponential.ts";

export const nearZero = {
  p: [
    1.28379167095512558561e-1, -3.2504210724700149937e-1, -2.84817495755985104766e-2,
    -5.77027029648944159157e-3, -2.37630166566501626084e-5,
  ],
  q: [
    1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3,
    1.32494738004321644526e-4, -3.9602282787753681232e-6,
  ],
};

export const nearOne = {
  p: [
    -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1,
    3.18346619901161753674e-1, -1.10894694282396677476e-1, 3.54783043256182359371e-2,
    -2.166375594868790843e-3,
  ],
  q: [
    1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2,
    1.26171219808761642112e-1, 1.36370839120290507362e-2, 1.1984499846799107417e-2,
  ],
};

export const middle = {
  p: [
    -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1,
    -6.23753324503260060396e1, -1.62396669462573470355e2, -1.84605092906711035994e2,
    -8.12874355063065934246e1, -9.81432934416914548592,
  ],
  q: [
    1, 1.96512716674392571292e1, 1.376577541435190426e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
    4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2,
  ],
};

export const tail = {
  p: [
    -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1,
    -1.60636384855821916062e2, -6.37566443368389627722e2, -1.02509513161107724954e3,
    -4.83519191608651397019e2,
  ],
  q: [
    1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
    2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1,
  ],
};

export function erf(x: number): number {
  const a = Math.abs(x);
  const square = x * x;
  const small = x + x * quotient(nearZero, a < 0.84375 ? square : 0);
  const one = 8.45062911510467529297e-1 + quotient(nearOne, a < 1.25 ? a - 1 : 0);
  const clamped = a > 6 ? 6 : a > 1.25 ? a : 1.25;
  const inverse = 1 / (clamped * clamped);
  const exponent = clamped < 1 / 0.35 ? quotient(middle, inverse) : quotient(tail, inverse);
  const far = 1 - exp(-clamped * clamped - 0.5625 + exponent) / clamped;
  const magnitude = a < 1.25 ? one : a < 6 ? far : 1;
  const large = x < 0 ? -magnitude : magnitude;
  return x === x ? (a < 0.84375 ? small : large) : x;
}

/** P(z) / Q(z) by Horner's rule; compiled code unrolls it. */
function quotient(
  { p, q }: { readonly p: readonly number[]; readonly q: readonly number[] },
  z: number,
): number {
  return horner(p, z) / horner(q, z);
}

function horner(coefficients: readonly number[], z: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * z + coefficient);
}
