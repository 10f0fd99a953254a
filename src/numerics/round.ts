/** The two roundings of real numbers to integers. Everything on the host uses one of them, never `Math.round` bare. */

/**
 * To the nearest integer, halves away from zero (C's `round`, as TFLite rounds). Never gives -0.
 *
 * `Math.round` rounds halves up, which on magnitudes is away from zero, and it is exact where `floor(x + 0.5)` is not.
 */
export function roundHalfAwayFromZero(x: number): number {
  const magnitude = Math.round(Math.abs(x));
  return x < 0 ? 0 - magnitude : magnitude;
}

/** To the nearest integer, halves to the even one, keeping the sign of zero: IEEE's `rint`, WASM's `nearest`. */
export function roundHalfEven(x: number): number {
  const magnitude = Math.abs(x);
  const below = Math.floor(magnitude);
  const rest = magnitude - below;
  const odd = below - 2 * Math.floor(below / 2);
  const rounded = rest > 0.5 || (rest === 0.5 && odd === 1) ? below + 1 : below;
  return x < 0 || Object.is(x, -0) ? -rounded : rounded;
}
