import { describe, expect, test } from "vitest";
import * as elementary from "../../src/numerics/elementary.ts";
import * as exact from "./exact.ts";

const { cos, erf, exp, expm1, log, log1p, pow, sigmoid, sin, tanh } = elementary;

/** A linear congruential generator: the same numbers on every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** `count` doubles in [low, high], with full mantissas. */
function uniform(low: number, high: number, count: number): number[] {
  const random = generator(count);
  return Array.from({ length: count }, () => low + (high - low) * (random() + random() / 2 ** 32));
}

/** Doubles of either sign whose magnitudes are spread over many powers of two. */
function spread(lowExponent: number, highExponent: number, count: number): number[] {
  const random = generator(count + 1);
  return Array.from({ length: count }, () => {
    const exponent = lowExponent + Math.floor(random() * (highExponent - lowExponent));
    return (random() < 0.5 ? -1 : 1) * (1 + random() + random() / 2 ** 32) * 2 ** exponent;
  });
}

const magnitudes = (values: readonly number[]): number[] => values.map(Math.abs);

describe("errors against 320-bit arithmetic, in units in the last place", () => {
  test.each([
    [
      "exp",
      exp,
      exact.expFixed,
      1,
      [...uniform(-40, 40, 1000), ...uniform(-1, 1, 1000), ...spread(-60, 0, 300)],
    ],
    ["expm1", expm1, exact.expm1Fixed, 2, [...uniform(-2, 2, 2000), ...spread(-60, 5, 1000)]],
    ["log", log, exact.logFixed, 1, [...uniform(0.4, 2.5, 1500), ...magnitudes(spread(-100, 100, 500))]],
    ["log1p", log1p, exact.log1pFixed, 1, [...uniform(-0.999, 3, 1500), ...spread(-60, 0, 500)]],
    ["log1p of large values", log1p, exact.log1pFixed, 1, magnitudes(spread(0, 100, 300))],
    ["tanh", tanh, exact.tanhFixed, 2, [...uniform(-2, 2, 2000), ...spread(-40, 5, 1000)]],
    ["sigmoid", sigmoid, exact.sigmoidFixed, 2, uniform(-40, 40, 2000)],
    ["erf", erf, exact.erfFixed, 2, [...uniform(-6.2, 6.2, 2000), ...spread(-40, 1, 500)]],
    [
      "sin",
      sin,
      exact.sinFixed,
      1,
      [...uniform(-7, 7, 1000), ...uniform(-1e6, 1e6, 500), ...spread(-40, 0, 300)],
    ],
    [
      "cos",
      cos,
      exact.cosFixed,
      1,
      [...uniform(-7, 7, 1000), ...uniform(-1e6, 1e6, 500), ...spread(-40, 0, 300)],
    ],
  ] as const)("%s", (_, ours, oracle, limit, inputs) => {
    for (const x of inputs) {
      const ulps = exact.ulpsBetween(ours(x), oracle(exact.fixedOf(x)));
      expect(ulps, `at ${x}`).toBeLessThanOrEqual(limit);
    }
  });

  test("sin and cos next to multiples of pi / 2, where the reduction cancels", () => {
    for (let n = 1; n < 600000; n = Math.floor(n * 1.05) + 1) {
      const x = (n * Math.PI) / 2;
      const fixed = exact.fixedOf(x);
      expect(exact.ulpsBetween(sin(x), exact.sinFixed(fixed)), `sin ${x}`).toBeLessThanOrEqual(1);
      expect(exact.ulpsBetween(cos(x), exact.cosFixed(fixed)), `cos ${x}`).toBeLessThanOrEqual(1);
    }
  });

  test("pow", () => {
    const bases = magnitudes(spread(-20, 20, 1500));
    const powers = uniform(-30, 30, 1500);
    bases.forEach((x, i) => {
      const y = powers[i]! / Math.max(1, Math.abs(log(x)));
      const oracle = exact.powFixed(exact.fixedOf(x), exact.fixedOf(y));
      expect(exact.ulpsBetween(pow(x, y), oracle), `${x}^${y}`).toBeLessThanOrEqual(1);
    });
  });

  test("pow of large exponents, checked by e^(y ln x) = 2^(y log2 x) with integer logarithms", () => {
    for (let k = -1022; k <= 1023; k++) {
      expect(pow(2, k)).toBe(2 ** k);
      expect(pow(0.5, -k)).toBe(2 ** k);
    }
    for (let x = -50; x <= 50; x++) {
      let power = 1;
      for (let y = 0; y <= 8; y++, power *= x) expect(pow(x, y)).toBe(power);
    }
  });
});

describe("special values", () => {
  const cases: readonly (readonly [string, number, number])[] = [
    ["exp 0", exp(0), 1],
    ["exp -0", exp(-0), 1],
    ["exp inf", exp(Infinity), Infinity],
    ["exp -inf", exp(-Infinity), 0],
    ["exp nan", exp(NaN), NaN],
    ["exp just below overflow", exp(709.782712893384), 1.7976931348622732e308],
    ["exp just above overflow", exp(709.782712893385), Infinity],
    ["exp to the smallest subnormal", exp(-745.1332191019411), 5e-324],
    ["exp to nothing", exp(-745.1332191019412), 0],
    ["expm1 -0", expm1(-0), -0],
    ["expm1 of a subnormal", expm1(5e-324), 5e-324],
    ["expm1 -inf", expm1(-Infinity), -1],
    ["expm1 inf", expm1(Infinity), Infinity],
    ["expm1 nan", expm1(NaN), NaN],
    ["log 1", log(1), 0],
    ["log 0", log(0), -Infinity],
    ["log -0", log(-0), -Infinity],
    ["log -1", log(-1), NaN],
    ["log inf", log(Infinity), Infinity],
    ["log nan", log(NaN), NaN],
    ["log of the smallest subnormal", log(5e-324), -744.4400719213812],
    ["log1p -0", log1p(-0), -0],
    ["log1p -1", log1p(-1), -Infinity],
    ["log1p -2", log1p(-2), NaN],
    ["log1p inf", log1p(Infinity), Infinity],
    ["log1p nan", log1p(NaN), NaN],
    ["tanh -0", tanh(-0), -0],
    ["tanh inf", tanh(Infinity), 1],
    ["tanh -inf", tanh(-Infinity), -1],
    ["tanh of a subnormal", tanh(-5e-324), -5e-324],
    ["tanh nan", tanh(NaN), NaN],
    ["sigmoid 0", sigmoid(0), 0.5],
    ["sigmoid inf", sigmoid(Infinity), 1],
    ["sigmoid -inf", sigmoid(-Infinity), 0],
    ["sigmoid nan", sigmoid(NaN), NaN],
    ["erf -0", erf(-0), -0],
    ["erf inf", erf(Infinity), 1],
    ["erf -inf", erf(-Infinity), -1],
    ["erf nan", erf(NaN), NaN],
    ["sin -0", sin(-0), -0],
    ["cos -0", cos(-0), 1],
    ["sin inf", sin(Infinity), NaN],
    ["cos -inf", cos(-Infinity), NaN],
    ["sin nan", sin(NaN), NaN],
    ["pow nan^0", pow(NaN, 0), 1],
    ["pow 1^nan", pow(1, NaN), 1],
    ["pow 1^inf", pow(1, Infinity), 1],
    ["pow -1^inf", pow(-1, -Infinity), 1],
    ["pow 2^inf", pow(2, Infinity), Infinity],
    ["pow 0.5^inf", pow(0.5, Infinity), 0],
    ["pow 0^-1", pow(0, -1), Infinity],
    ["pow -0^-1", pow(-0, -1), -Infinity],
    ["pow -0^3", pow(-0, 3), -0],
    ["pow -0^2", pow(-0, 2), 0],
    ["pow -inf^3", pow(-Infinity, 3), -Infinity],
    ["pow -inf^0.5", pow(-Infinity, 0.5), Infinity],
    ["pow inf^-2", pow(Infinity, -2), 0],
    ["pow -8^(1/3)", pow(-8, 1 / 3), NaN],
    ["pow 2^nan", pow(2, NaN), NaN],
    ["pow underflow", pow(1e-200, 2), 0],
    ["pow overflow", pow(-1e200, 3), -Infinity],
  ];
  test.each(cases)("%s", (_, actual, expected) => {
    expect(actual).toBe(expected);
  });

  test("subnormal results of exp are within one of the smallest steps", () => {
    for (let k = -1074; k <= -1023; k++) {
      const expected = 2 ** (k + 1022) * 2 ** -1022;
      expect(Math.abs(exp(k * 0.6931471805599453) - expected)).toBeLessThanOrEqual(expected * 2e-13 + 5e-324);
    }
  });

  test("sin and cos stay within [-1, 1] where their reduction gives out", () => {
    for (const x of [...spread(20, 1020, 500), Number.MAX_VALUE]) {
      expect(Math.abs(sin(x))).toBeLessThanOrEqual(1);
      expect(Math.abs(cos(x))).toBeLessThanOrEqual(1);
    }
  });
});

test("no function of the engine that may differ between engines is used", async () => {
  const { readFile } = await import("node:fs/promises");
  const files = [
    "elementary",
    "exponential",
    "logarithm",
    "power",
    "trigonometric",
    "error-function",
    "float-bits",
  ];
  for (const file of files) {
    const text = await readFile(new URL(`../../src/numerics/${file}.ts`, import.meta.url), "utf8");
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    const used = [...code.matchAll(/Math\.(\w+)/g)].map(([, name]) => name);
    expect(used.filter((name) => !["abs", "floor", "sqrt"].includes(name!))).toEqual([]);
  }
});
