import { describe, expect, test } from "vitest";
import * as b from "../../src/expr/build.ts";
import type { Expression, TensorReference } from "../../src/expr/expression.ts";
import { printAffine, printExpression, printStep } from "../../src/expr/print.ts";

const reference = (name: string, element: "i8" | "i32" | "f32" | "f64", rank: number): TensorReference => ({
  name,
  element,
  shape: new Array<number>(rank).fill(64),
});

test("a stored convolution", () => {
  const [n, y, x, o] = b.axes([1, 8, 8, 16], ["n", "y", "x", "o"]) as [never, never, never, never];
  const [ky, kx, k] = b.axes([3, 3, 16], ["ky", "kx", "k"]) as [never, never, never];
  const input = b.load(
    reference("in", "i8", 4),
    [b.at(n), b.affine(-1, [y, 2], [ky, 1]), b.affine(0, [x, 1], [kx, 1]), b.at(k)],
    83,
  );
  const weight = b.load(reference("w", "i8", 4), [b.at(o), b.at(ky), b.at(kx), b.at(k)]);
  const bias = b.load(reference("b", "i32", 1), [b.at(o)]);
  const multiplier = b.load(reference("m", "i32", 1), [b.at(o)]);
  const acc = b.sum([ky, kx, k], b.mul(b.sub(input, b.i32(83)), weight), bias);
  const scaled = b.clamp(b.rescale(acc, multiplier, b.i32(39)), b.i32(-128), b.i32(127));
  const out = { name: "out", element: "i8", shape: [1, 8, 8, 16] } as const;
  expect(printStep(b.compute(out, [n, y, x, o], b.add(scaled, b.i32(3))))).toBe(
    "out[n, y, x, o] = clamp(rescale(sum(ky < 3, kx < 3, k < 16) (in[n, 2*y + ky - 1, x + kx, k]?83 - 83) * w[o, ky, kx, k]" +
      " from b[o], m[o], 39), -128, 127) + 3",
  );
});

describe("operators", () => {
  const i = b.variable("i", 64);
  const load = (name: string, element: "i32" | "f32" | "f64" = "i32") =>
    b.load(reference(name, element, 1), [b.at(i)]);
  const [x, y, z] = [load("x"), load("y"), load("z")];
  test.each<[Expression, string]>([
    [b.sub(x, b.sub(y, z)), "x[i] - (y[i] - z[i])"],
    [b.sub(b.sub(x, y), z), "x[i] - y[i] - z[i]"],
    [b.add(x, b.add(y, z)), "x[i] + (y[i] + z[i])"],
    [b.mul(b.add(x, y), z), "(x[i] + y[i]) * z[i]"],
    [b.add(b.mul(x, y), z), "x[i] * y[i] + z[i]"],
    [b.add(x, b.i32(-3)), "x[i] - 3"],
    [b.sub(x, b.i32(-3)), "x[i] + 3"],
    [b.add(x, b.i32(-2147483648)), "x[i] + -2147483648"],
    [b.mul(x, b.i32(-3)), "x[i] * -3"],
    [b.unary("neg", b.add(x, y)), "-(x[i] + y[i])"],
    [b.unary("neg", b.unary("neg", x)), "-(-x[i])"],
    [b.unary("abs", x), "abs(x[i])"],
    [b.shr(b.add(x, y), b.i32(2)), "x[i] + y[i] >> 2"],
    [b.and(b.or(x, y), z), "(x[i] | y[i]) & z[i]"],
    [b.compare("le", b.add(x, y), z), "x[i] + y[i] <= z[i]"],
    [b.select(b.compare("lt", x, y), x, b.add(y, z)), "x[i] < y[i] ? x[i] : y[i] + z[i]"],
    [b.mul(b.select(x, y, z), z), "(x[i] ? y[i] : z[i]) * z[i]"],
    [b.max(b.min(x, b.i32(5)), b.i32(1)), "clamp(x[i], 1, 5)"],
    [b.max(b.min(x, b.i32(1)), b.i32(5)), "max(min(x[i], 1), 5)"],
    [b.max(b.min(x, y), z), "max(min(x[i], y[i]), z[i])"],
    [b.divu(x, y), "divu(x[i], y[i])"],
    [b.convert("i64", x), "i64(x[i])"],
    [b.mul(load("f", "f32"), b.f32(0.1)), "f[i] * 0.1"],
    [b.div(load("f", "f32"), b.f32(2)), "f[i] / 2.0"],
    [b.add(load("d", "f64"), b.f64(-0)), "d[i] + -0.0"],
    [b.load(reference("t", "i32", 1), [{ value: b.add(x, b.i32(128)) }], -1), "t[x[i] + 128]?-1"],
    [b.add(b.sum([], x, b.i32(0)), y), "(sum() x[i]) + y[i]"],
    [b.sum([i], b.add(x, y), b.i32(0)), "sum(i < 64) (x[i] + y[i])"],
    [b.reduce("max", [i], load("f", "f32"), b.f32(-Infinity)), "max(i < 64) f[i]"],
    [b.reduce("max", [i], x, b.i32(-128)), "max(i < 64) x[i] from -128"],
    [b.mul(b.indexValue(b.affine(1, [i, 1])), x), "(i + 1) * x[i]"],
  ])("%#: %s", (expression, text) => {
    expect(printExpression(expression)).toBe(text);
  });
  test("shared nodes are named once", () => {
    const t = b.sub(b.mul(x, y), z);
    const square = b.mul(t, t);
    expect(printExpression(b.add(square, square))).toBe(
      "t0 + t0\n  where t0 = t1 * t1\n  where t1 = x[i] * y[i] - z[i]",
    );
  });
});

test("affine forms", () => {
  const [y, x] = [b.variable("y", 2), b.variable("x", 2)];
  expect(printAffine(b.affine(0))).toBe("0");
  expect(printAffine(b.affine(-3))).toBe("-3");
  expect(printAffine(b.affine(-3, [y, -1], [x, 4]))).toBe("-y + 4*x - 3");
});
