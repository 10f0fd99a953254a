/** Stored normalization where it could go wrong: rows of one value, of one step, of extremes; one element and many; epsilon large and none. */
import { describe, expect, test } from "vitest";
import { interpret } from "../../src/exec/interpreter.ts";
import { evaluate } from "../../src/expr/evaluate.ts";
import { at, compute, load, shl, variable, constant } from "../../src/expr/build.ts";
import { inverseRoot } from "../../src/expr/inverse-root.ts";
import { sharedShiftMultipliers } from "../../src/numerics/dyadic.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "../differential/engines.ts";
import { generator, graphOf, numbers } from "./run-operator.ts";

const lengths = [1, 2, 3, 16, 384, 1000, 32768];

/** Rows of stored elements. */
function rowsOf(n: number): number[][] {
  const random = generator(n);
  const filled = (value: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => value(i));
  return [
    filled(() => -128),
    filled(() => 127),
    filled(() => 5),
    filled((i) => (i === 0 ? 6 : 5)),
    filled((i) => (i === 0 ? 127 : -128)),
    filled((i) => (i % 2 === 0 ? 127 : -128)),
    filled((i) => (i % 256) - 128),
    filled(() => Math.floor(random() * 256) - 128),
    filled(() => Math.floor(random() * 3) - 1),
  ];
}

interface Case {
  readonly n: number;
  readonly scale: number;
  readonly epsilon: number;
  readonly centre: boolean;
}

const zero = 3;
/** As large as lets the most that is normal stay inside eight bits. */
const steps = { scale: 0.0625, zero: -3 };
const gains = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => (i % 5 === 4 ? -0.75 : 0.25 * (1 + (i % 3))));
const offsets = (n: number): number[] => Array.from({ length: n }, (_, i) => 0.1 * ((i % 7) - 3));

/** The longest rows lie along an axis before the last: they have one gain and one offset, as texts have no room for more. */
const channelsOf = (n: number): number => (n > 1000 ? 1 : n);
const shapeOf = (n: number): number[] => (n > 1000 ? [rowsOf(n).length, n, 1] : [rowsOf(n).length, n]);

/** layer_norm and requantization, with weights and biases as `quantizeWeights` makes them: a scale each, levels of ±127. */
function graphFor({ n, scale, epsilon, centre }: Case) {
  const channels = channelsOf(n);
  const shape = shapeOf(n).join("x");
  const last = shapeOf(n).length - 1;
  let fraction = 22;
  while (n * 4 ** fraction * 127 ** 2 > 2 ** 59) fraction--;
  const weightScales = gains(channels).map((g) => Math.fround(Math.abs(g) / 127));
  const accScales = weightScales.map((s) => s * 2 ** -fraction);
  const { multipliers, shifts } = sharedShiftMultipliers(accScales.map((s) => s / steps.scale));
  const zeros = (axis: number): string => `:0 @${axis}`;
  const list = (values: readonly number[]): string => `{${values.join(", ")}}`;
  const text = [
    `%w = constant {value = dense<[${gains(channels)
      .map((g) => 127 * Math.sign(g))
      .join(", ")}]>} : tensor<${channels}xi8, ${list(weightScales)}${zeros(0)}>`,
    `%b = constant {value = dense<[${offsets(channels)
      .map((b, i) => Math.round(b / accScales[i]!))
      .join(", ")}]>} : tensor<${channels}xi32, ${list(accScales)}${zeros(0)}>`,
    `%acc = layer_norm %x, %w, %b {axes = [1], epsilon = ${epsilon}, centre = ${centre}} : tensor<${shape}xi32, ${list(accScales)}${zeros(last)}>`,
    `%y = requantize %acc {multiplier = [${multipliers.join(", ")}], shift = [${shifts.join(", ")}], clamp = [-128, 127]} : tensor<${shape}xi8, ${steps.scale}:${steps.zero}>`,
  ];
  return graphOf(text.join("\n  "), { "%x": `tensor<${shape}xi8, ${scale}:${zero}>` });
}

/** In doubles, in stored steps, unrounded. */
function exactSteps(row: readonly number[], { n, scale, epsilon, centre }: Case): number[] {
  const x = row.map((q) => scale * (q - zero));
  const mean = centre ? x.reduce((sum, v) => sum + v, 0) / n : 0;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
  const [g, b] = [gains(channelsOf(n)), offsets(channelsOf(n))];
  return x.map((v, i) => {
    // Alike elements are 0 apart, which sums of doubles need not find.
    const apart = centre && row.every((q) => q === row[0]) ? 0 : v - mean;
    const normal = apart === 0 ? 0 : apart / Math.sqrt(variance + epsilon);
    const real = normal * g[i % g.length]! + b[i % b.length]!;
    return Math.max(-128, Math.min(127, real / steps.scale + steps.zero));
  });
}

const cases: readonly Case[] = lengths.flatMap((n) => [
  { n, scale: 0.05, epsilon: 1e-5, centre: true },
  { n, scale: 0.0001, epsilon: 1e-5, centre: true },
  { n, scale: 3, epsilon: 0, centre: true },
  { n, scale: 0.02, epsilon: 1e-6, centre: false },
]);

describe.each(cases)("stored normalization of $n, scale $scale, epsilon $epsilon, centre $centre", (c) => {
  const rows = rowsOf(c.n);
  const graph = graphFor(c);
  const x = tensor("i8", shapeOf(c.n), rows.flat());

  test("lies within 0.502 steps of the real one", () => {
    const y = numbers(interpret(graph, [x])[0]!);
    rows.forEach((row, r) => {
      const errors = exactSteps(row, c).map((real, i) => Math.abs(y[r * c.n + i]! - real));
      expect(errors.reduce((most, e) => Math.max(most, e), 0)).toBeLessThanOrEqual(0.502);
    });
  });
});

test.each(cases.filter(({ n }) => [1, 3, 384].includes(n)))(
  "stored normalization of $n, scale $scale, centre $centre, is the same everywhere",
  { timeout: 120_000 },
  async (c) => {
    await expectAgreement(graphFor(c), [[tensor("i8", shapeOf(c.n), rowsOf(c.n).flat())]]);
  },
);

test("a row of one value is the offset, whatever epsilon", () => {
  for (const epsilon of [0, 1e-12, 1]) {
    const graph = graphOf(
      "%y = layer_norm %x, %w {axes = [1], epsilon = " +
        String(epsilon) +
        "} : tensor<1x3xi32, 1.1920928955078125e-7:0>",
      {
        "%x": "tensor<1x3xi8, 0.5:7>",
        "%w": "tensor<3xi8, 0.25:0>",
      },
    );
    const y = interpret(graph, [tensor("i8", [1, 3], [9, 9, 9]), tensor("i8", [3], [127, 127, 127])]);
    expect(numbers(y[0]!)).toEqual([0, 0, 0]);
  }
});

test("the inverse root is within 2^-28 of the real one, at powers of two and between", () => {
  const random = generator(7);
  const values = Array.from({ length: 61 }, (_, k) => [2 ** k, 2 ** k + 1, 2 ** (k + 1) - 1]).flat();
  for (let i = 0; i < 2000; i++) values.push(Math.floor(2 ** (61 * random())));
  const safe = values.filter((v) => Number.isSafeInteger(v));
  const shape = [safe.length];
  const [d, y] = [
    { name: "d", shape, element: "i64" as const },
    { name: "y", shape, element: "i32" as const },
  ];
  const i = variable("i", safe.length);
  for (const doublings of [0, 8]) {
    const { multiplier, shift } = inverseRoot(shl(load(d, [at(i)]), constant("i64", doublings)));
    const run = (e: typeof multiplier): number[] =>
      numbers(evaluate([compute(y, [i], e)], new Map([[d, tensor("i64", shape, safe.map(BigInt))]])).get(y)!);
    const [m, s] = [run(multiplier), run(shift)];
    safe.forEach((v, k) => {
      const exact = 1 / Math.sqrt(v * 2 ** doublings);
      expect(Math.abs(m[k]! / 2 ** s[k]! / exact - 1)).toBeLessThan(2 ** -28);
    });
  }
});
