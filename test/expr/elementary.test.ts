import { describe, expect, test } from "vitest";
import { at, compute, load, variable } from "../../src/expr/build.ts";
import * as expressions from "../../src/expr/elementary.ts";
import { evaluate } from "../../src/expr/evaluate.ts";
import type { Expression, TensorReference } from "../../src/expr/expression.ts";
import * as numerics from "../../src/numerics/elementary.ts";
import { tensor } from "../../src/tensor/tensor.ts";

/** Edges of every range the functions distinguish, and a spread over all magnitudes. */
const points = ((): number[] => {
  const edges = [
    0,
    5e-324,
    2.2250738585072014e-308,
    2 ** -54,
    2 ** -28,
    0.35,
    0.5,
    0.6931471805599453,
    0.84375,
    1,
    1.25,
    1.4142135623730951,
    1 / 0.35,
    2,
    3,
    6,
    22,
    60,
    709.78,
    709.8,
    710,
    745.2,
    746,
    2 ** 53,
    2 ** 70,
    2 ** 71,
    Number.MAX_VALUE,
    Infinity,
  ];
  const near = edges.flatMap((x) => [x, x * (1 + 2 ** -52), x * (1 - 2 ** -53)]);
  let state = 7;
  const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const spread = Array.from(
    { length: 400 },
    () => (1 + random() + random() / 2 ** 32) * 2 ** Math.floor(random() * 90 - 70),
  );
  return [...[...near, ...spread].flatMap((x) => [x, -x]), NaN];
})();

function evaluated(
  formula: (...terms: Expression[]) => Expression,
  ...arguments_: readonly number[][]
): Float64Array {
  const count = arguments_[0]!.length;
  const n = variable("n", count);
  const inputs = arguments_.map((_, i): TensorReference => ({
    name: `x${i}`,
    shape: [count],
    element: "f64",
  }));
  const result: TensorReference = { name: "y", shape: [count], element: "f64" };
  const step = compute(result, [n], formula(...inputs.map((x) => load(x, [at(n)]))));
  const bound = new Map(inputs.map((x, i) => [x, tensor("f64", [count], arguments_[i])]));
  return evaluate([step], bound).get(result)!.data as Float64Array;
}

function differences(
  found: Float64Array,
  expected: (i: number) => number,
  describePoint: (i: number) => string,
): string[] {
  return Array.from(found).flatMap((y, i) =>
    Object.is(y, expected(i)) ? [] : [`${describePoint(i)}: ${y}, expected ${expected(i)}`],
  );
}

describe("an expression gives the bits of its namesake in numerics", () => {
  test.each([
    ["exp", expressions.expExpression, numerics.exp],
    ["expm1", expressions.expm1Expression, numerics.expm1],
    ["tanh", expressions.tanhExpression, numerics.tanh],
    ["sigmoid", expressions.sigmoidExpression, numerics.sigmoid],
    ["log", expressions.logExpression, numerics.log],
    ["log1p", expressions.log1pExpression, numerics.log1p],
    ["erf", expressions.erfExpression, numerics.erf],
  ])("%s", (_, formula, reference) => {
    const found = evaluated(formula, points);
    expect(
      differences(
        found,
        (i) => reference(points[i]!),
        (i) => String(points[i]),
      ),
    ).toEqual([]);
  });

  test("pow", () => {
    const exponents = [0, -0, 0.5, 1, 2, 3, -1, -2.5, 1e-9, 2 ** 53, 1e300, Infinity, -Infinity, NaN, 7.25];
    const x = points.flatMap((p) => exponents.map(() => p));
    const y = points.flatMap(() => exponents);
    const found = evaluated(expressions.powExpression, x, y);
    expect(
      differences(
        found,
        (i) => numerics.pow(x[i]!, y[i]!),
        (i) => `${x[i]!}^${y[i]!}`,
      ),
    ).toEqual([]);
  });
});
