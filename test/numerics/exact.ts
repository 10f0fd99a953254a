/**
 * Real functions in 320-bit fixed point, by their Taylor series in bigints: the oracle of the elementary functions.
 * Slow, plain and sharing nothing with what it checks.
 */
const bits = 320n;
const one = 1n << bits;

/** A fixed-point number; its value is `x / 2^320`. */
export type Fixed = bigint;

/** Any finite double of magnitude at least 2^-268, exactly. */
export function fixedOf(x: number): Fixed {
  let exponent = 0n;
  let scaled = x;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    exponent++;
  }
  return (BigInt(scaled) << bits) >> exponent;
}

const mul = (a: Fixed, b: Fixed): Fixed => (a * b) >> bits;
const div = (a: Fixed, b: Fixed): Fixed => (a << bits) / b;

/** Sum of terms, from `term` on, each made of the one before. */
function series(term: Fixed, next: (term: Fixed, n: bigint) => Fixed): Fixed {
  let sum = 0n;
  for (let n = 1n; term > 1n || term < -1n; n++) {
    sum += term;
    term = next(term, n);
  }
  return sum;
}

/** e^x for |x| < 60, by halving the argument 16 times. */
export function expFixed(x: Fixed): Fixed {
  const reduced = x >> 16n;
  let y = series(one, (term, n) => mul(term, reduced) / n);
  for (let i = 0; i < 16; i++) y = mul(y, y);
  return y;
}

export const expm1Fixed = (x: Fixed): Fixed => expFixed(x) - one;

/** ln x for positive x, as k ln 2 + 2 atanh((m - 1) / (m + 1)). */
export function logFixed(x: Fixed): Fixed {
  const atanhTwice = (m: Fixed): Fixed => {
    const s = div(m - one, m + one);
    const square = mul(s, s);
    let power = s;
    let sum = 0n;
    for (let n = 1n; power > 1n || power < -1n; n += 2n) {
      sum += power / n;
      power = mul(power, square);
    }
    return 2n * sum;
  };
  const k = BigInt(x.toString(2).length) - 1n - bits;
  const mantissa = k >= 0n ? x >> k : x << -k;
  return k * atanhTwice(2n * one) + atanhTwice(mantissa);
}

export const log1pFixed = (x: Fixed): Fixed => logFixed(one + x);

export function tanhFixed(x: Fixed): Fixed {
  const e = expFixed(2n * x);
  return div(e - one, e + one);
}

export const sigmoidFixed = (x: Fixed): Fixed => div(one, one + expFixed(-x));

/** 2/sqrt(pi) (x - x³/3 + x⁵/(2! 5) - …), good to x = 6 since 320 bits bear the cancellation. */
export function erfFixed(x: Fixed): Fixed {
  const square = mul(x, x);
  let power = x;
  let sum = 0n;
  for (let n = 0n; power > 1n || power < -1n; n++) {
    sum += power / (2n * n + 1n);
    power = -mul(power, square) / (n + 1n);
  }
  return div(2n * sum, sqrtFixed(piFixed()));
}

export function sinFixed(x: Fixed): Fixed {
  const reduced = x % (2n * piFixed());
  return series(reduced, (term, n) => -mul(mul(term, reduced), reduced) / (2n * n * (2n * n + 1n)));
}

export function cosFixed(x: Fixed): Fixed {
  const reduced = x % (2n * piFixed());
  return series(one, (term, n) => -mul(mul(term, reduced), reduced) / (2n * n * (2n * n - 1n)));
}

/** x^y for y ln x below 60. */
export const powFixed = (x: Fixed, y: Fixed): Fixed => expFixed(mul(y, logFixed(x)));

/** The error of `actual` in units in the last place of the exact value. */
export function ulpsBetween(actual: number, exact: Fixed): number {
  const magnitude = exact < 0n ? -exact : exact;
  const exponent = BigInt(magnitude.toString(2).length) - 1n - bits;
  const difference = fixedOf(actual) - exact;
  const unit = one >> (52n - exponent);
  return Math.abs(Number((difference * 1000n) / unit) / 1000);
}

/** Machin: pi/4 = 4 atan(1/5) - atan(1/239). */
let pi: Fixed | undefined;
function piFixed(): Fixed {
  const atanOfInverse = (n: bigint): Fixed => {
    let power = one / n;
    let sum = 0n;
    for (let k = 0n; power > 0n; k++) {
      sum += (k % 2n === 0n ? power : -power) / (2n * k + 1n);
      power /= n * n;
    }
    return sum;
  };
  pi ??= 4n * (4n * atanOfInverse(5n) - atanOfInverse(239n));
  return pi;
}

function sqrtFixed(x: Fixed): Fixed {
  let root = x;
  for (;;) {
    const next = (root + div(x, root)) / 2n;
    if (next >= root) return root;
    root = next;
  }
}
