import { describe, expect, test } from "vitest";
import * as b from "../../src/expr/build.ts";
import { compileSteps, evaluate, evaluateUnary } from "../../src/expr/evaluate.ts";
import type {
  Expression,
  ScalarType,
  Step,
  TensorReference,
  UnaryOperator,
} from "../../src/expr/expression.ts";
import { rescaleBig } from "../../src/numerics/dyadic.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";

const reference = (
  name: string,
  element: ElementType,
  shape: readonly number[],
  data?: Tensor,
): TensorReference => ({
  name,
  element,
  shape,
  ...(data === undefined ? {} : { data }),
});
const i = (count: number) => b.variable("i", count);
const constantOf = (name: string, value: Tensor): TensorReference =>
  reference(name, value.element, value.shape, value);

type Values = readonly number[] | readonly bigint[];

/** Applies an expression of loads from constant vectors, element by element. */
function map(
  element: ElementType,
  type: ElementType,
  operands: readonly Values[],
  f: (...x: Expression[]) => Expression,
) {
  const v = i(operands[0]!.length);
  const loads = operands.map((values, at) =>
    b.load(constantOf(`x${at}`, tensor(element, [values.length], values as readonly number[])), [b.at(v)]),
  );
  const out = reference("out", type, [v.extent]);
  return [...evaluate([b.compute(out, [v], f(...loads))], new Map()).get(out)!.data];
}

const unaryOf = (type: ScalarType, operator: UnaryOperator, values: Values) =>
  map(type, type, [values], (x) => b.unary(operator, x));

const lowest = -2147483648;
const highest = 2147483647;

describe("i32", () => {
  const a = [highest, lowest, lowest, -7, 65537];
  const c = [1, -1, lowest, 2, 65537];
  test.each<[string, (x: Expression, y: Expression) => Expression, number[]]>([
    ["add", b.add, [lowest, highest, 0, -5, 131074]],
    ["sub", b.sub, [highest - 1, lowest + 1, 0, -9, 0]],
    ["mul", b.mul, [highest, lowest, 0, -14, 131073]],
    ["min", b.min, [1, lowest, lowest, -7, 65537]],
    ["max", b.max, [highest, -1, lowest, 2, 65537]],
    ["and", b.and, [1, lowest, lowest, 0, 65537]],
    ["or", b.or, [highest, -1, lowest, -5, 65537]],
    ["xor", b.xor, [highest - 1, highest, 0, -5, 0]],
    ["divu", b.divu, [highest, 0, 1, 2147483644, 1]],
  ])("%s", (_, f, expected) => {
    expect(map("i32", "i32", [a, c], f)).toEqual(expected);
  });
  test("shifts are arithmetic and refuse amounts of 32", () => {
    expect(
      map(
        "i32",
        "i32",
        [
          [-7, lowest, 1],
          [1, 31, 31],
        ],
        b.shr,
      ),
    ).toEqual([-4, -1, 0]);
    expect(
      map(
        "i32",
        "i32",
        [
          [-7, 1, 3],
          [1, 31, 31],
        ],
        b.shl,
      ),
    ).toEqual([-14, lowest, lowest]);
    expect(() => map("i32", "i32", [[1], [32]], b.shl)).toThrow("internal: shift of 32 bits by 32");
  });
  test("neg and abs wrap at the lowest", () => {
    expect(unaryOf("i32", "neg", [lowest, 5, 0])).toEqual([lowest, -5, 0]);
    expect(unaryOf("i32", "abs", [lowest, -5, 5])).toEqual([lowest, 5, 5]);
  });
  test("rescale rounds halves up, exactly", () => {
    const m = 1276827093;
    const accs = [315149705, highest, lowest, -1, 0, 1];
    const shifted = (x: Expression): Expression => b.rescale(x, b.i32(m), b.i32(31));
    expect(map("i32", "i32", [accs], shifted)).toEqual(accs.map((acc) => rescaleBig(acc, m, 31)));
    const half = (x: Expression): Expression => b.rescale(x, b.i32(2 ** 30), b.i32(31));
    expect(map("i32", "i32", [[1, -1, 3, -3]], half)).toEqual([1, 0, 2, -1]);
    expect(() => map("i32", "i32", [[1]], (x) => b.rescale(x, b.i32(1), b.i32(0)))).toThrow(
      "internal: rescale",
    );
  });
});

describe("i64", () => {
  const low = -(2n ** 63n);
  const high = 2n ** 63n - 1n;
  test.each<[string, (x: Expression, y: Expression) => Expression, bigint[]]>([
    ["add", b.add, [low, high]],
    ["sub", b.sub, [high - 1n, low + 1n]],
    ["mul", b.mul, [high, low]],
    ["min", b.min, [1n, low]],
    ["max", b.max, [high, -1n]],
    ["and", b.and, [1n, low]],
    ["or", b.or, [high, -1n]],
    ["xor", b.xor, [high - 1n, high]],
  ])("%s", (_, f, expected) => {
    expect(
      map(
        "i64",
        "i64",
        [
          [high, low],
          [1n, -1n],
        ],
        f,
      ),
    ).toEqual(expected);
  });
  test("shifts, neg, abs, comparisons, select", () => {
    expect(
      map(
        "i64",
        "i64",
        [
          [-7n, 3n],
          [1n, 63n],
        ],
        b.shl,
      ),
    ).toEqual([-14n, low]);
    expect(
      map(
        "i64",
        "i64",
        [
          [-7n, low],
          [1n, 63n],
        ],
        b.shr,
      ),
    ).toEqual([-4n, -1n]);
    expect(unaryOf("i64", "neg", [low, 3n])).toEqual([low, -3n]);
    expect(unaryOf("i64", "abs", [low, -3n])).toEqual([low, 3n]);
    expect(
      map(
        "i64",
        "i32",
        [
          [1n, 2n],
          [2n, 1n],
        ],
        (x, y) => b.compare("lt", x, y),
      ),
    ).toEqual([1, 0]);
    const larger = (x: Expression, y: Expression) => b.select(b.compare("gt", x, y), x, y);
    expect(
      map(
        "i64",
        "i64",
        [
          [1n, 2n],
          [2n, 1n],
        ],
        larger,
      ),
    ).toEqual([2n, 2n]);
  });
  test("reductions wrap; u64 keeps its bits", () => {
    const x = constantOf("x", tensor("i64", [3], [high, 1n, 5n]));
    const k = b.variable("k", 3);
    const out = reference("out", "u64", []);
    const total = b.sum([k], b.load(x, [b.at(k)]), b.constant("i64", 0));
    expect(evaluate([b.compute(out, [], total)], new Map()).get(out)!.data[0]).toBe(2n ** 63n + 5n);
  });
});

describe("floats", () => {
  const specials = [NaN, Infinity, -Infinity, -0, 0.5, 1.5, 2.5, -2.5, 3.7, -3.2];
  test.each(["f32", "f64"] as const)("unary operators of %s", (type) => {
    expect(unaryOf(type, "nearest", specials)).toEqual([NaN, Infinity, -Infinity, -0, 0, 2, 2, -2, 4, -3]);
    expect(unaryOf(type, "floor", specials)).toEqual([NaN, Infinity, -Infinity, -0, 0, 1, 2, -3, 3, -4]);
    expect(unaryOf(type, "ceil", specials)).toEqual([NaN, Infinity, -Infinity, -0, 1, 2, 3, -2, 4, -3]);
    expect(unaryOf(type, "trunc", specials)).toEqual([NaN, Infinity, -Infinity, -0, 0, 1, 2, -2, 3, -3]);
    expect(unaryOf(type, "neg", [0, -0, Infinity, NaN])).toEqual([-0, 0, -Infinity, NaN]);
    expect(unaryOf(type, "abs", [-0, -Infinity, NaN, -2])).toEqual([0, Infinity, NaN, 2]);
    expect(unaryOf(type, "sqrt", [4, -0, -1, Infinity])).toEqual([2, -0, NaN, Infinity]);
  });
  test("f32 rounds after every operation", () => {
    const [a, c, d] = [[16777216], [1], [1]];
    expect(map("f32", "f32", [a, c, d], (x, y, z) => b.sub(b.add(b.add(x, y), z), x))).toEqual([0]);
    expect(map("f64", "f64", [a, c, d], (x, y, z) => b.sub(b.add(b.add(x, y), z), x))).toEqual([2]);
    const third = Math.fround(1 / 3);
    expect(map("f32", "f32", [[1], [3]], b.div)).toEqual([third]);
    expect(map("f32", "f32", [[third], [third]], b.mul)).toEqual([Math.fround(third * third)]);
    expect(unaryOf("f32", "sqrt", [2])).toEqual([Math.fround(Math.sqrt(2))]);
  });
  test("f32 sums keep the order of their variables", () => {
    const x = constantOf("x", tensor("f32", [2, 2], [2 ** 24, 1, -(2 ** 24), 1]));
    const [r, c] = [b.variable("r", 2), b.variable("c", 2)];
    const out = reference("out", "f32", []);
    const total = (over: (typeof r)[]) =>
      evaluate([b.compute(out, [], b.sum(over, b.load(x, [b.at(r), b.at(c)]), b.f32(0)))], new Map()).get(
        out,
      )!.data[0];
    expect(total([r, c])).toBe(1);
    expect(total([c, r])).toBe(2);
  });
  test("min and max compare", () => {
    const a = [NaN, 1, -0, 0];
    const c = [1, NaN, 0, -0];
    for (const type of ["f32", "f64"] as const) {
      expect(map(type, type, [a, c], b.min)).toEqual([NaN, 1, -0, 0]);
      expect(map(type, type, [a, c], b.max)).toEqual([NaN, 1, -0, 0]);
    }
  });
  test("comparisons with NaN are false but for ne", () => {
    const of = (operator: Parameters<typeof b.compare>[0]) =>
      map(
        "f32",
        "i32",
        [
          [NaN, 1, -0],
          [NaN, 2, 0],
        ],
        (x, y) => b.compare(operator, x, y),
      );
    expect(of("eq")).toEqual([0, 0, 1]);
    expect(of("ne")).toEqual([1, 1, 0]);
    expect(of("lt")).toEqual([0, 1, 0]);
    expect(of("le")).toEqual([0, 1, 1]);
    expect(of("gt")).toEqual([0, 0, 0]);
    expect(of("ge")).toEqual([0, 0, 1]);
  });
  test("bits of doubles", () => {
    expect(unaryOf("f64", "pow2", [-1022, 0, 10])).toEqual([2.2250738585072014e-308, 1, 1024]);
    expect(unaryOf("f64", "exponent", [0.75, 1, 1024.5])).toEqual([-1, 0, 10]);
    expect(unaryOf("f64", "significand", [0.75, 1, 1536])).toEqual([1.5, 1, 1.5]);
    expect(() => unaryOf("f32", "pow2", [1])).toThrow("internal: pow2 of f32");
  });
});

test("conversions", () => {
  const to = (type: ScalarType) => (x: Expression) => b.convert(type, x);
  expect(map("f32", "i32", [[NaN, 3e9, -3e9, -1.9]], to("i32"))).toEqual([0, highest, lowest, -1]);
  expect(map("f64", "i64", [[NaN, 1e19, -1e19, 1.9]], to("i64"))).toEqual([
    0n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    1n,
  ]);
  expect(map("i32", "f32", [[16777217, 16777219]], to("f32"))).toEqual([16777216, 16777220]);
  expect(map("i64", "i32", [[2n ** 32n + 5n, 2n ** 31n]], to("i32"))).toEqual([5, lowest]);
  expect(map("i32", "i64", [[-1]], to("i64"))).toEqual([-1n]);
  expect(map("i64", "f32", [[2n ** 61n + 2n ** 37n + 1n]], to("f32"))).toEqual([2 ** 61 + 2 ** 38]);
  expect(map("f64", "f32", [[0.1]], to("f32"))).toEqual([Math.fround(0.1)]);
  expect(map("u32", "i64", [[4294967295]], to("i64"))).toEqual([-1n]);
});

describe("loads", () => {
  const x = reference("x", "i8", [2, 3]);
  const data = tensor("i8", [2, 3], [1, 2, 3, 4, 5, 6]);
  const [y, k] = [b.variable("y", 4), b.variable("k", 5)];
  test("outside the shape is the fill, also where the linear offset is inside", () => {
    const out = reference("out", "i32", [4, 5]);
    const value = b.load(x, [b.affine(-1, [y, 1]), b.affine(-1, [k, 1])], -9);
    const result = evaluate([b.compute(out, [y, k], value)], new Map([[x, data]])).get(out)!;
    expect([...result.data]).toEqual([
      -9, -9, -9, -9, -9, -9, 1, 2, 3, -9, -9, 4, 5, 6, -9, -9, -9, -9, -9, -9,
    ]);
  });
  test("outside without a fill is refused", () => {
    const out = reference("out", "i32", [4]);
    expect(() => compileSteps([b.compute(out, [y], b.load(x, [b.at(y), b.affine(0)]))])).toThrow(
      "read outside axis 0",
    );
  });
  test("computed indices gather, fill and refuse", () => {
    const table = constantOf("table", tensor("u8", [3], [7, 8, 255]));
    const where = [2, 0, 5, -1];
    const gather = (index: Expression, fill?: number) => b.load(table, [{ value: index }], fill);
    expect(map("i32", "i32", [where], (at) => gather(at, 100))).toEqual([255, 7, 100, 100]);
    expect(() => map("i32", "i32", [where], (at) => gather(at))).toThrow("internal: table is read at 5");
    const rows = constantOf("rows", data);
    const row = (at: Expression) => b.load(rows, [{ value: at }, b.affine(1)]);
    expect(map("i32", "i32", [[1, 0]], row)).toEqual([5, 2]);
  });
  test("both branches of a select are evaluated", () => {
    const table = constantOf("table", tensor("i32", [1], [7]));
    const guarded = (at: Expression) =>
      b.select(b.compare("eq", at, b.i32(0)), b.load(table, [{ value: at }]), b.i32(0));
    expect(() => map("i32", "i32", [[1]], guarded)).toThrow("internal: table is read at 1");
  });
});

describe("reductions", () => {
  const x = reference("x", "i32", [2, 3]);
  const data = tensor("i32", [2, 3], [3, -1, 2, 5, 4, -6]);
  const [r, k] = [b.variable("r", 2), b.variable("k", 3)];
  const rowwise = (operator: "add" | "mul" | "min" | "max", initial: number) => {
    const out = reference("out", "i32", [2]);
    const value = b.reduce(operator, [k], b.load(x, [b.at(r), b.at(k)]), b.i32(initial));
    return [...evaluate([b.compute(out, [r], value)], new Map([[x, data]])).get(out)!.data];
  };
  test("every operator starts from its initial value", () => {
    expect(rowwise("add", 100)).toEqual([104, 103]);
    expect(rowwise("mul", 2)).toEqual([-12, -240]);
    expect(rowwise("min", 0)).toEqual([-1, -6]);
    expect(rowwise("max", 4)).toEqual([4, 5]);
  });
  test("over nothing give the initial value, over no variable the body once", () => {
    const out = reference("out", "i32", []);
    const none = b.variable("none", 0);
    const run = (over: readonly (typeof none)[]) =>
      evaluate([b.compute(out, [], b.sum(over, b.i32(5), b.i32(1)))], new Map()).get(out)!.data[0];
    expect(run([none, r])).toBe(1);
    expect(run([r, none])).toBe(1);
    expect(run([])).toBe(6);
  });
  test("an inner reduction is remembered only while its variables stand", () => {
    // sum over k of (x[r, k] * max over j of x[r, j]): the maximum belongs to r alone.
    const j = b.variable("j", 3);
    const highestOf = b.reduce("max", [j], b.load(x, [b.at(r), b.at(j)]), b.i32(lowest));
    const out = reference("out", "i32", [2]);
    const value = b.sum([k], b.mul(b.load(x, [b.at(r), b.at(k)]), highestOf), b.i32(0));
    expect([...evaluate([b.compute(out, [r], value)], new Map([[x, data]])).get(out)!.data]).toEqual([
      12, 15,
    ]);
  });
  test("a shared node is computed anew at every point, and a deep DAG once", () => {
    const v = i(3);
    let e: Expression = b.load(constantOf("c", tensor("i32", [3], [1, 2, 3])), [b.at(v)]);
    for (let depth = 0; depth < 60; depth++) e = b.add(e, e);
    const out = reference("out", "i32", [3]);
    const doubled = b.add(e, b.indexValue(b.affine(1, [v, 10])));
    expect([...evaluate([b.compute(out, [v], doubled)], new Map()).get(out)!.data]).toEqual([1, 11, 21]);
  });
});

describe("steps", () => {
  test("feed one another, and a compiled program runs again on other data", () => {
    const v = i(3);
    const [x, square, out] = [
      reference("x", "i32", [3]),
      reference("square", "i32", [3]),
      reference("out", "i32", [3]),
    ];
    const k = b.variable("k", 3);
    const run = compileSteps([
      b.compute(square, [v], b.mul(b.load(x, [b.at(v)]), b.load(x, [b.at(v)]))),
      b.compute(out, [v], b.sum([k], b.load(square, [b.at(k)]), b.load(x, [b.at(v)]))),
    ]);
    const on = (...values: number[]) => [...run(new Map([[x, tensor("i32", [3], values)]])).get(out)!.data];
    expect(on(1, 2, 3)).toEqual([15, 16, 17]);
    expect(on(0, 0, 10)).toEqual([100, 100, 110]);
  });
  test("write through affine indices", () => {
    const v = i(3);
    const out = reference("out", "i32", [3]);
    const reversed = {
      target: out,
      domain: [v],
      index: [b.affine(2, [v, -1])],
      value: b.indexValue(b.at(v)),
    };
    expect([...evaluate([reversed], new Map()).get(out)!.data]).toEqual([2, 1, 0]);
  });
  test("recover after a run that threw", () => {
    const v = i(2);
    const [x, out] = [reference("x", "i32", [2]), reference("out", "i8", [2])];
    const run = compileSteps([b.compute(out, [v], b.load(x, [b.at(v)]))]);
    expect(() => run(new Map([[x, tensor("i32", [2], [1, 128])]]))).toThrow(
      "element 1 of out is 128, beyond i8",
    );
    expect([...run(new Map([[x, tensor("i32", [2], [1, 127])]])).get(out)!.data]).toEqual([1, 127]);
  });
  test("may write one target in parts that cover it", () => {
    const out = reference("out", "i32", [3]);
    const other = reference("other", "i32", [1]);
    const [pair, single] = [i(2), i(1)];
    const head = b.compute(out, [pair], b.indexValue(b.at(pair)));
    const tail = (place: number) => b.compute(out, [single], b.i32(7), [b.affine(place, [single, 1])]);
    const run = (...steps: Step[]) => evaluate(steps, new Map()).get(out)!;
    expect([...run(head, tail(2)).data]).toEqual([0, 1, 7]);
    expect(() => run(head, tail(1))).toThrow("element 1 of out is computed twice");
    expect(() => run(head)).toThrow("2 points of 1 axes cover out of [3]");
    expect(() => run(head, tail(2), tail(2))).toThrow("4 points of 1 axes cover out of [3]");
    const between = b.compute(other, [single], b.i32(0));
    expect(() => run(head, between, tail(2))).toThrow("cover out of [3]");
    const reads = b.compute(out, [single], b.load(out, [b.affine(0)]), [b.affine(2)]);
    expect(() => run(head, reads)).toThrow("out is computed from itself");
  });
  test("refuse what is ill-formed", () => {
    const v = i(2);
    const out = reference("out", "i32", [2]);
    const x = reference("x", "i32", [2]);
    const other = b.variable("other", 2);
    const run =
      (value: Expression, domain = [v], index = [b.at(v)]) =>
      () =>
        evaluate([{ target: out, domain, index, value }], new Map());
    expect(run(b.load(out, [b.at(v)]))).toThrow("computed from itself");
    expect(run(b.load(x, [b.at(v)]))).toThrow("no tensor for x");
    expect(run(b.f32(1))).toThrow("out of i32 is computed in f32");
    expect(run(b.indexValue(b.at(other)))).toThrow("index other is used outside its loop");
    expect(run(b.sum([v], b.i32(1), b.i32(0)))).toThrow("index i is bound twice");
    expect(run(b.i32(1), [v, other], [b.at(v)])).toThrow("cover out");
    expect(run(b.i32(1), [v], [b.affine(1, [v, 1])])).toThrow("written outside");
    expect(run(b.i32(1), [v], [b.affine(0)])).toThrow("computed twice");
    expect(run(b.i32(2 ** 31))).toThrow("is no i32");
    expect(() =>
      evaluate([b.compute(out, [v], b.load(x, [b.at(v)]))], new Map([[x, tensor("i8", [2])]])),
    ).toThrow("x is i32[2], given i8[2]");
  });
  test("store every element type within its range only", () => {
    const cases: readonly [ElementType, number, number][] = [
      ["i8", -128, 127],
      ["u8", 0, 255],
      ["i16", -32768, 32767],
      ["u16", 0, 65535],
      ["bool", 0, 1],
    ];
    for (const [element, low, high] of cases) {
      expect(map("i32", element, [[low, high]], (x) => x)).toEqual([low, high]);
      expect(() => map("i32", element, [[low - 1]], (x) => x)).toThrow(`beyond ${element}`);
      expect(() => map("i32", element, [[high + 1]], (x) => x)).toThrow(`beyond ${element}`);
    }
    expect(map("i32", "u32", [[-1]], (x) => x)).toEqual([4294967295]);
  });
});

describe("reals", () => {
  test("f32 nodes are not rounded, through temporaries too", () => {
    const v = i(2);
    const [x, half, out] = [
      reference("x", "f32", [2]),
      reference("half", "f32", [2]),
      reference("out", "f32", [2]),
    ];
    const steps = [
      b.compute(half, [v], b.mul(b.load(x, [b.at(v)]), b.constant("f32", 0.1))),
      b.compute(out, [v], b.convert("f32", b.convert("f64", b.load(half, [b.at(v)])))),
    ];
    expect([...evaluateUnary(steps, x, out, [1, 3])]).toEqual([0.1, 3 * 0.1]);
    const rounded = evaluate(steps, new Map([[x, tensor("f32", [2], [1, 3])]])).get(out)!.data;
    expect([...rounded]).toEqual([Math.fround(0.1), Math.fround(3 * Math.fround(0.1))]);
  });
});
