/** Every arithmetic instruction on edge values, scalar and vector, against lane-by-lane definitions written with BigInt and Math. */
import { describe, expect, test } from "vitest";
import { binary, compare, constant, convert, i32, mulhi, select, unary } from "../../../src/loops/build.ts";
import type {
  LaneElement,
  LoopBinary,
  LoopCompare,
  LoopExpression,
  LoopUnary,
} from "../../../src/loops/loop.ts";
import { f32Type, f64Type, i32Type, i64Type, laneBytes, vector } from "../../../src/loops/loop.ts";
import { at, constantBuffer, evaluate } from "./harness.ts";

type Value = number | bigint;
type IntegerLane = "i8" | "i16" | "i32" | "i64";
type FloatLane = "f32" | "f64";

const bits = (element: LaneElement): number => 8 * laneBytes[element];
const wrap = (element: IntegerLane, value: bigint): Value => {
  const wrapped = BigInt.asIntN(bits(element), value);
  return element === "i64" ? wrapped : Number(wrapped);
};
const round = (element: FloatLane, value: number): number => (element === "f32" ? Math.fround(value) : value);

/** Edges and a few bits without pattern; 16 of each, so that whole vectors are filled for all lane widths. */
function integerEdges(element: IntegerLane): bigint[] {
  const high = 1n << BigInt(bits(element) - 1);
  const odd = 0x5a3c_91e7_4d2b_86f1n;
  return [
    0n,
    1n,
    -1n,
    2n,
    -2n,
    high - 1n,
    -high,
    high - 2n,
    1n - high,
    high / 2n,
    -high / 2n,
    7n,
    -7n,
  ].concat(
    BigInt.asIntN(bits(element), odd),
    BigInt.asIntN(bits(element), odd >> 3n),
    BigInt.asIntN(bits(element), -odd),
  );
}
const floatEdges = (element: FloatLane): number[] =>
  [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, Infinity, -Infinity, NaN, 1e-45, 3.4e38, -123456.789, 1 / 3].map(
    (value) => round(element, value),
  );

/** All pairs of a rotation: left[i] with right[(i + turn) mod n], for a number of turns. */
const turns = [0, 1, 3, 5, 8, 13];
const rotated = <T>(values: readonly T[], by: number): T[] =>
  values.map((_, i) => values[(i + by) % values.length]!);

const integerBinary: Partial<Record<LoopBinary, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (a < b ? b : a),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};
const floatBinary: Partial<Record<LoopBinary, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (a < b ? b : a),
};
const compares: Record<LoopCompare, (a: Value, b: Value) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

const shapes = [
  ["i8", 16],
  ["i16", 8],
  ["i32", 4],
  ["i64", 2],
  ["i32", 1],
  ["i64", 1],
] as const;
const floatShapes = [
  ["f32", 4],
  ["f64", 2],
  ["f32", 1],
  ["f64", 1],
] as const;

/** Applies `make` to every block of `lanes` elements of both operands. */
async function onBlocks(
  element: LaneElement,
  lanes: number,
  operands: readonly (readonly Value[])[],
  make: (...operands: LoopExpression[]) => LoopExpression,
  resultElement?: LaneElement,
): Promise<Value[]> {
  const buffers = operands.map((values, index) => constantBuffer(`operand${index}`, element, values));
  const count = operands[0]!.length;
  const values: LoopExpression[] = [];
  for (let start = 0; start < count; start += lanes) {
    values.push(make(...buffers.map((buffer) => at(vector(element, lanes), buffer, start))));
  }
  return (await evaluate(buffers, values, resultElement)).flat();
}

describe.each(shapes)("%s x %d", (element, lanes) => {
  const left = integerEdges(element);
  const asValue = (value: bigint): Value => wrap(element, value);

  test.each(Object.entries(integerBinary))("%s", async (operator, meaning) => {
    for (const turn of turns) {
      const right = rotated(left, turn);
      const actual = await onBlocks(element, lanes, [left, right], (a, b) =>
        binary(operator as LoopBinary, a, b),
      );
      expect(actual).toEqual(left.map((a, i) => wrap(element, meaning(a, right[i]!))));
    }
  });

  test.each(Object.entries(compares))("compare %s, and select by it", async (operator, meaning) => {
    for (const turn of turns) {
      const right = rotated(left, turn);
      const third = rotated(left, turn + 2);
      const actual = await onBlocks(element, lanes, [left, right, third], (a, b, c) =>
        select(compare(operator as LoopCompare, a, b), c, a),
      );
      expect(actual).toEqual(left.map((a, i) => asValue(meaning(a, right[i]!) ? third[i]! : a)));
    }
  });

  test("comparisons give 1 and 0, or masks", async () => {
    const right = rotated(left, 1);
    const store = lanes === 1 ? "i32" : element;
    const actual = await onBlocks(element, lanes, [left, right], (a, b) => compare("le", a, b), store);
    const one = lanes === 1 ? 1n : -1n;
    expect(actual).toEqual(left.map((a, i) => wrap(store, a <= right[i]! ? one : 0n)));
  });

  test("neg and abs wrap at the smallest value", async () => {
    const negated = await onBlocks(element, lanes, [left], (a) => unary("neg", a));
    expect(negated).toEqual(left.map((a) => asValue(-a)));
    const absolute = await onBlocks(element, lanes, [left], (a) => unary("abs", a));
    expect(absolute).toEqual(left.map((a) => asValue(a < 0n ? -a : a)));
  });

  test("shifts by constants and registers", async () => {
    for (const count of [0, 1, 5, bits(element) - 1]) {
      const counts = constantBuffer("count", "i32", [count]);
      for (const by of [i32(count), at(i32Type, counts)]) {
        const buffer = constantBuffer("values", element, left);
        const blocks = Array.from({ length: left.length / lanes }, (_, block) =>
          at(vector(element, lanes), buffer, block * lanes),
        );
        const make = (operator: LoopBinary): LoopExpression[] =>
          blocks.map((value) => ({ kind: "binary", operator, type: value.type, left: value, right: by }));
        const actual = await evaluate([buffer, counts], [...make("shl"), ...make("shr")]);
        const expected = [
          left.map((a) => asValue(a << BigInt(count))),
          left.map((a) => asValue(a >> BigInt(count))),
        ];
        expect(actual.flat()).toEqual(expected.flat());
      }
    }
  });

  test("constants in every lane", async () => {
    const values = integerEdges(element).filter((value) => BigInt(Number(value)) === value);
    const type = vector(element, lanes);
    const actual = await evaluate(
      [],
      values.map((value) => constant(type, Number(value))),
    );
    expect(actual).toEqual(values.map((value) => new Array<Value>(lanes).fill(asValue(value))));
  });
});

describe.each(floatShapes)("%s x %d", (element, lanes) => {
  const left = floatEdges(element);

  test.each(Object.entries(floatBinary))("%s", async (operator, meaning) => {
    for (const turn of turns) {
      const right = rotated(left, turn);
      const actual = await onBlocks(element, lanes, [left, right], (a, b) =>
        binary(operator as LoopBinary, a, b),
      );
      expect(actual).toEqual(left.map((a, i) => round(element, meaning(a, right[i]!))));
    }
  });

  test.each(Object.entries(compares))("compare %s, and select by it", async (operator, meaning) => {
    const right = rotated(left, 1);
    const actual = await onBlocks(element, lanes, [left, right], (a, b) =>
      select(compare(operator as LoopCompare, a, b), b, a),
    );
    expect(actual).toEqual(left.map((a, i) => (meaning(a, right[i]!) ? right[i]! : a)));
  });

  const nearest = (x: number): number => {
    if (!Number.isFinite(x)) return x;
    const below = Math.floor(x);
    const rest = x - below;
    const even = below % 2 === 0 ? below : below + 1;
    const rounded = rest === 0.5 ? even : rest < 0.5 ? below : below + 1;
    return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
  };
  const meanings: Partial<Record<LoopUnary, (x: number) => number>> = {
    neg: (x) => -x,
    abs: Math.abs,
    sqrt: Math.sqrt,
    floor: Math.floor,
    ceil: Math.ceil,
    trunc: Math.trunc,
    nearest,
  };
  test.each(Object.entries(meanings))("%s", async (operator, meaning) => {
    const actual = await onBlocks(element, lanes, [left], (a) => unary(operator as LoopUnary, a));
    expect(actual).toEqual(left.map((a) => round(element, meaning(a))));
  });

  test("constants keep signed zeros, infinities and NaN", async () => {
    const type = vector(element, lanes);
    const actual = await evaluate(
      [],
      left.map((value) => constant(type, value)),
    );
    expect(actual).toEqual(left.map((value) => new Array<number>(lanes).fill(value)));
  });
});

describe.each([2, 1])("f64 bits, %d lanes", (lanes) => {
  test("pow2, exponent and significand", async () => {
    const exponents = [0, 1, -1, 52, -52, 1023, -1022, 100];
    const powers = await onBlocks("f64", lanes, [exponents], (a) => unary("pow2", a));
    expect(powers).toEqual(exponents.map((k) => 2 ** k));
    const values = [1, 1.5, 2 ** -1022, Number.MAX_VALUE, Math.PI, 0.1, 1e300, 3];
    const exponentsOf = await onBlocks("f64", lanes, [values], (a) => unary("exponent", a));
    const significands = await onBlocks("f64", lanes, [values], (a) => unary("significand", a));
    expect(values.map((_, i) => (significands[i] as number) * 2 ** (exponentsOf[i] as number))).toEqual(
      values,
    );
    expect(significands.every((s) => s >= 1 && s < 2)).toBe(true);
  });
});

describe("conversions", () => {
  const integers = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 16_777_217, 33_554_433, -7];
  const reals = [0, -0.9, 1.9, -2.5, 3e9, -3e9, NaN, Infinity];
  const saturate = (x: number): number =>
    Number.isNaN(x) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x))) + 0;

  test.each([4, 1])("i32 and f32, %d lanes", async (lanes) => {
    const toFloat = await onBlocks("i32", lanes, [integers], (a) => convert(vector("f32", lanes), a));
    expect(toFloat).toEqual(integers.map(Math.fround));
    const toInteger = await onBlocks("f32", lanes, [reals], (a) => convert(vector("i32", lanes), a));
    expect(toInteger).toEqual(reals.map(saturate));
  });

  test.each([2, 1])("i64 and f64, %d lanes", async (lanes) => {
    const longs = [0n, -1n, 2n ** 62n + 1n, -(2n ** 63n), 2n ** 53n + 1n, 2n ** 53n + 3n];
    const toFloat = await onBlocks("i64", lanes, [longs], (a) => convert(vector("f64", lanes), a));
    expect(toFloat).toEqual(longs.map(Number));
    const toInteger = await onBlocks("f64", lanes, [[1e30, -1e30, NaN, -1.5]], (a) =>
      convert(vector("i64", lanes), a),
    );
    expect(toInteger).toEqual([2n ** 63n - 1n, -(2n ** 63n), 0n, -1n]);
  });

  test("between the scalar types", async () => {
    const longs = constantBuffer("longs", "i64", [2n ** 40n + 5n, 2n ** 24n + 1n]);
    const ints = constantBuffer("ints", "i32", [-5, 16_777_217]);
    const doubles = constantBuffer("doubles", "f64", [0.1, 3e9]);
    const floats = constantBuffer("floats", "f32", [0.1, -1e20]);
    const cases: readonly (readonly [LoopExpression, Value])[] = [
      [convert(i32Type, at(i64Type, longs)), 5],
      [convert(f32Type, at(i64Type, longs, 1)), 2 ** 24],
      [convert(f64Type, at(i64Type, longs)), 2 ** 40 + 5],
      [convert(i64Type, at(i32Type, ints)), -5n],
      [convert(f64Type, at(i32Type, ints, 1)), 16_777_217],
      [convert(f32Type, at(f64Type, doubles)), Math.fround(0.1)],
      [convert(f64Type, at(f32Type, floats)), Math.fround(0.1)],
      [convert(i32Type, at(f64Type, doubles, 1)), 2 ** 31 - 1],
      [convert(i64Type, at(f32Type, floats, 1)), -(2n ** 63n)],
    ];
    const actual = await evaluate(
      [longs, ints, doubles, floats],
      cases.map(([value]) => value),
    );
    expect(actual.flat()).toEqual(cases.map(([, expected]) => expected));
  });
});

test.each([4, 1])("mulhi, %d lanes", async (lanes) => {
  const left = integerEdges("i32");
  for (const turn of turns) {
    const right = rotated(left, turn);
    const actual = await onBlocks("i32", lanes, [left, right], mulhi);
    expect(actual).toEqual(left.map((a, i) => Number((a * right[i]!) >> 32n)));
    // operands that are not mere registers
    const sums = await onBlocks("i32", lanes, [left, right], (a, b) =>
      mulhi(binary("xor", a, b), binary("add", a, b)),
    );
    expect(sums).toEqual(
      left.map((a, i) => Number(((a ^ right[i]!) * BigInt.asIntN(32, a + right[i]!)) >> 32n)),
    );
    const scaled = await onBlocks("i32", lanes, [left], (a) => mulhi(a, constant(a.type, 1_276_827_093)));
    expect(scaled).toEqual(left.map((a) => Number((a * 1_276_827_093n) >> 32n)));
  }
});

test("divu takes both operands as unsigned", async () => {
  const left = [-1, 100, -(2 ** 31), 7];
  const right = [3, 7, 65_536, -1];
  const actual = await onBlocks("i32", 1, [left, right], (a, b) => binary("divu", a, b));
  expect(actual).toEqual(left.map((a, i) => Math.floor((a >>> 0) / (right[i]! >>> 0))));
});

test("a scalar select branches when a side could trap, and computes only the side it takes", async () => {
  const table = constantBuffer("table", "i32", [11, 22]);
  const indices = constantBuffer("indices", "i32", [-(2 ** 30), 1]);
  const values = [0, 1].map((place) => {
    const index = at(i32Type, indices, place);
    const address = { buffer: table, index: { constant: 0, terms: [] }, dynamic: index };
    return select(compare("ge", index, i32(0)), { kind: "load", type: i32Type, address }, i32(-1));
  });
  expect(await evaluate([table, indices], values)).toEqual([[-1], [22]]);
  const guarded = select(
    compare("eq", at(i32Type, indices, 1), i32(1)),
    i32(5),
    binary("divu", i32(1), i32(0)),
  );
  expect(await evaluate([indices], [guarded])).toEqual([[5]]);
});

describe("what cannot be expressed is refused with the expression", () => {
  const ints = constantBuffer("ints", "i32", [1, 2, 3, 4]);
  const four = at(vector("i32", 4), ints);
  const shifted: LoopExpression = {
    kind: "binary",
    operator: "shl",
    type: four.type,
    left: four,
    right: four,
  };
  test.each<[string, LoopExpression, RegExp]>([
    [
      "integer division",
      binary("div", at(i32Type, ints), at(i32Type, ints)),
      /ints\[0\] \/ ints\[0\] as i32/,
    ],
    ["a vector divu", binary("divu", four, four), /divu\(load.i32x4 ints/],
    ["a partial vector", at(vector("i32", 3), ints), /no vector i32x3/],
    ["an 8-bit scalar", at(vector("i8", 1), ints), /load.i8 ints\[0\] as i8/],
    ["floats from integer memory", at(f32Type, ints), /load.f32 ints/],
    ["pow2 of f32", unary("pow2", at(f32Type, constantBuffer("f", "f32", [1]))), /pow2\(f/],
    ["sqrt of integers", unary("sqrt", four), /sqrt\(load.i32x4 ints/],
    ["a shift by a vector", shifted, /ints\[0\] << load.i32x4 ints\[0\] as i32x4/],
  ])("%s", async (_, value, message) => {
    const buffers = [ints, constantBuffer("f", "f32", [1])];
    await expect(evaluate(buffers, [value])).rejects.toThrow(message);
    await expect(evaluate(buffers, [value])).rejects.toThrow(/^internal: wasm/);
  });
});
