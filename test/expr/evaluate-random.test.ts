/**
 * Random integer expressions against a second evaluator that shares nothing with the first: bigints, environments instead of
 * slots, wrapped after every operation by definition.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as b from "../../src/expr/build.ts";
import { evaluate } from "../../src/expr/evaluate.ts";
import { isAffine, type Affine, type Expression, type IndexVariable } from "../../src/expr/expression.ts";
import { printExpression } from "../../src/expr/print.ts";
import { tensor } from "../../src/tensor/tensor.ts";

type Environment = ReadonlyMap<IndexVariable, number>;

const affineAt = ({ constant, terms }: Affine, at: Environment): number =>
  terms.reduce((sum, { variable, factor }) => sum + factor * at.get(variable)!, constant);

function oracle(e: Expression, at: Environment): bigint {
  const wrap = (x: bigint): bigint => BigInt.asIntN(e.type === "i64" ? 64 : 32, x);
  const of = (part: Expression): bigint => oracle(part, at);
  switch (e.kind) {
    case "constant":
      return BigInt(e.value);
    case "index":
      return wrap(BigInt(affineAt(e.index, at)));
    case "load": {
      const index = e.index.map((axis) => (isAffine(axis) ? affineAt(axis, at) : Number(of(axis.value))));
      const { shape } = e.tensor;
      if (index.some((x, axis) => x < 0 || x >= shape[axis]!)) return BigInt(e.fill!);
      const offset = index.reduce((sum, x, axis) => sum * shape[axis]! + x, 0);
      return wrap(BigInt(e.tensor.data!.data[offset]!));
    }
    case "reduce": {
      let kept = of(e.initial);
      const visit = (depth: number, inner: Environment): void => {
        const v = e.over[depth];
        if (v === undefined) {
          const next = oracle(e.body, inner);
          if (e.operator === "add") kept = wrap(kept + next);
          else if (e.operator === "mul") kept = wrap(kept * next);
          else if (e.operator === "min") kept = next < kept ? next : kept;
          else kept = next > kept ? next : kept;
        } else for (let x = 0; x < v.extent; x++) visit(depth + 1, new Map([...inner, [v, x]]));
      };
      visit(0, at);
      return kept;
    }
    case "unary":
      return e.operator === "neg"
        ? wrap(-of(e.operand))
        : wrap(of(e.operand) < 0n ? -of(e.operand) : of(e.operand));
    case "binary": {
      const [x, y] = [of(e.left), of(e.right)];
      const results: Partial<Record<typeof e.operator, () => bigint>> = {
        add: () => x + y,
        sub: () => x - y,
        mul: () => x * y,
        min: () => (x < y ? x : y),
        max: () => (x > y ? x : y),
        and: () => x & y,
        or: () => x | y,
        xor: () => x ^ y,
        shl: () => x << y,
        shr: () => x >> y,
        divu: () => BigInt.asUintN(32, x) / BigInt.asUintN(32, y),
      };
      return wrap(results[e.operator]!());
    }
    case "compare": {
      const [x, y] = [of(e.left), of(e.right)];
      const holds = { eq: x === y, ne: x !== y, lt: x < y, le: x <= y, gt: x > y, ge: x >= y }[e.operator];
      return holds ? 1n : 0n;
    }
    case "select":
      return of(e.condition) !== 0n ? of(e.whenTrue) : of(e.whenFalse);
    case "convert":
      return wrap(of(e.operand));
    case "rescale": {
      const shift = of(e.shift);
      return wrap((of(e.acc) * of(e.multiplier) + (1n << (shift - 1n))) >> shift);
    }
  }
}

const edges = [0, 1, -1, 2, 3, -2147483648, 2147483647, 65535, 65536, 46341, -46341];
const word = fc.oneof(fc.constantFrom(...edges), fc.integer());
const [y, x, k, j] = [b.variable("y", 3), b.variable("x", 4), b.variable("k", 3), b.variable("j", 2)];
const bytes = {
  name: "bytes",
  element: "i8",
  shape: [5, 4],
  data: tensor(
    "i8",
    [5, 4],
    Int8Array.from({ length: 20 }, (_, n) => n * 37 - 128),
  ),
} as const;
const words = { name: "words", element: "i32", shape: [11], data: tensor("i32", [11], edges) } as const;

/** Index of up to all variables in scope, small enough to be inside now and then. */
const affineOver = (scope: readonly IndexVariable[]): fc.Arbitrary<Affine> =>
  fc
    .tuple(
      fc.integer({ min: -2, max: 4 }),
      fc.array(fc.tuple(fc.constantFrom(...scope), fc.integer({ min: -2, max: 2 })), { maxLength: 2 }),
    )
    .map(([constant, terms]) => b.affine(constant, ...terms));

function expressionOver(scope: readonly IndexVariable[], depth: number): fc.Arbitrary<Expression> {
  const leaf = fc.oneof(
    word.map(b.i32),
    affineOver(scope).map(b.indexValue),
    fc
      .tuple(affineOver(scope), affineOver(scope), fc.integer({ min: -128, max: 127 }))
      .map(([a, c, fill]) => b.load(bytes, [a, c], fill)),
    fc.tuple(affineOver(scope), word).map(([a, fill]) => b.load(words, [a], fill)),
  );
  if (depth === 0) return leaf;
  const part = expressionOver(scope, depth - 1);
  const pair = fc.tuple(part, part);
  const free = [k, j].filter((v) => !scope.includes(v));
  const choices: fc.Arbitrary<Expression>[] = [
    leaf,
    fc
      .tuple(fc.constantFrom(b.add, b.sub, b.mul, b.min, b.max, b.and, b.or, b.xor), pair)
      .map(([f, [l, r]]) => f(l, r)),
    // A shared node, which is computed once a point.
    part.map((e) => b.add(b.mul(e, e), e)),
    fc
      .tuple(part, fc.integer({ min: 0, max: 31 }), fc.constantFrom(b.shl, b.shr))
      .map(([e, n, f]) => f(e, b.i32(n))),
    fc.tuple(part, fc.integer({ min: 1, max: 100 })).map(([e, n]) => b.divu(e, b.i32(n))),
    fc.tuple(fc.constantFrom("neg" as const, "abs" as const), part).map(([f, e]) => b.unary(f, e)),
    fc
      .tuple(
        fc.constantFrom(
          "eq" as const,
          "ne" as const,
          "lt" as const,
          "le" as const,
          "gt" as const,
          "ge" as const,
        ),
        pair,
      )
      .map(([f, [l, r]]) => b.compare(f, l, r)),
    fc.tuple(part, pair).map(([c, [l, r]]) => b.select(c, l, r)),
    fc
      .tuple(part, fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 62 }))
      .map(([e, m, s]) => b.rescale(e, b.i32(m), b.i32(s))),
    fc
      .tuple(part, part, fc.constantFrom(b.add, b.sub, b.mul))
      .map(([l, r, f]) =>
        b.convert("i32", b.shr(f(b.convert("i64", l), b.convert("i64", r)), b.constant("i64", 7))),
      ),
    fc.tuple(part, word).map(([e, fill]) => b.load(words, [{ value: e }], fill)),
  ];
  if (free.length > 0)
    choices.push(
      fc
        .tuple(
          fc.constantFrom("add" as const, "mul" as const, "min" as const, "max" as const),
          fc.subarray(free, { minLength: 1 }),
          part,
        )
        .chain(([f, over, initial]) =>
          expressionOver([...scope, ...over], depth - 1).map((body) => b.reduce(f, over, body, initial)),
        ),
    );
  return fc.oneof(...choices);
}

test("random integer expressions equal the bigint oracle at every point", () => {
  const out = { name: "out", element: "i32", shape: [3, 4] } as const;
  fc.assert(
    fc.property(expressionOver([y, x], 4), (value) => {
      const { data } = evaluate([b.compute(out, [y, x], value)], new Map()).get(out)!;
      const expected: number[] = [];
      for (let row = 0; row < 3; row++)
        for (let column = 0; column < 4; column++)
          expected.push(
            Number(
              oracle(
                value,
                new Map([
                  [y, row],
                  [x, column],
                ]),
              ),
            ),
          );
      expect([...data]).toEqual(expected);
      expect(printExpression(value).length).toBeGreaterThan(0);
    }),
    { numRuns: 1500, seed: 1 },
  );
});
