import { describe, expect, test } from "vitest";
import * as l from "../../src/loops/build.ts";
import { interpretProgram, loadProgram } from "../../src/loops/interpret.ts";
import {
  bufferBytes,
  f32Type,
  f64Type,
  i32Type,
  i64Type,
  vector,
  type Buffer,
  type BufferData,
  type LoopBinary,
  type LoopCompare,
  type LoopExpression,
  type LoopProgram,
  type LoopUnary,
  type MemoryElement,
  type RegisterType,
  type Statement,
  type TensorStorage,
} from "../../src/loops/loop.ts";
import { arrayTypes, tensor } from "../../src/tensor/tensor.ts";

type Values = readonly (number | bigint)[];

const constantBuffer = (name: string, element: MemoryElement, values: Values, slackBytes = 0): Buffer => {
  const data = (arrayTypes[element] as unknown as { from(values: Values): BufferData }).from(values);
  return { name, element, count: values.length, slackBytes, alignBytes: 16, role: "constant", data };
};
const arenaBuffer = (
  name: string,
  element: MemoryElement,
  count: number,
  role: Buffer["role"] = "scratch",
): Buffer => ({
  name,
  element,
  count,
  slackBytes: 0,
  alignBytes: 16,
  role,
});

function programOf(buffers: readonly Buffer[], body: readonly Statement[]): LoopProgram {
  const offsetsBytes = new Map<Buffer, number>();
  let arenaBytes = 0;
  for (const buffer of buffers.filter((each) => each.role !== "constant")) {
    offsetsBytes.set(buffer, arenaBytes);
    arenaBytes += Math.ceil(bufferBytes(buffer) / 16) * 16;
  }
  const procedures = [{ name: "p", doc: "", body }];
  return {
    name: "test",
    procedures,
    buffers,
    offsetsBytes,
    arenaBytes,
    arenaLowerBoundBytes: arenaBytes,
    tensors: [],
    inputs: [],
    outputs: [],
  };
}

/** What `out` holds after the statements ran. */
function run(buffers: readonly Buffer[], out: Buffer, body: readonly Statement[]): Values {
  const machine = loadProgram(programOf([...buffers, out], body));
  machine.run();
  return [...(machine.memories.get(out)!.elements as Float64Array)];
}

/** All lanes of an expression over vectors loaded from constants. */
function lanes(
  types: readonly RegisterType[],
  operands: readonly Values[],
  f: (...x: LoopExpression[]) => LoopExpression,
) {
  const buffers = operands.map((values, i) => constantBuffer(`x${i}`, types[i]!.element, values));
  const value = f(...buffers.map((buffer, i) => l.load(types[i]!, l.address(buffer, 0))));
  const out = arenaBuffer("out", value.type.element, value.type.lanes, "output");
  return run(buffers, out, [l.store(l.address(out, 0), value)]);
}

const on = (type: RegisterType, operands: readonly Values[], f: (...x: LoopExpression[]) => LoopExpression) =>
  lanes(
    operands.map(() => type),
    operands,
    f,
  );

const [i8x4, i16x4, i32x4, i64x2, f32x4, f64x2] = [
  vector("i8", 4),
  vector("i16", 4),
  vector("i32", 4),
  vector("i64", 2),
  vector("f32", 4),
  vector("f64", 2),
];
const low64 = -(2n ** 63n);
const high64 = 2n ** 63n - 1n;

describe("integer lanes wrap at their width", () => {
  const edge = { i8: [-128, 127], i16: [-32768, 32767], i32: [-2147483648, 2147483647] } as const;
  test.each([i8x4, i16x4, i32x4])("of $element", (type) => {
    const [low, high] = edge[type.element as "i8" | "i16" | "i32"];
    const a = [high, low, low, -7];
    const b = [1, -1, low, 2];
    const expected: Partial<Record<LoopBinary, number[]>> = {
      add: [low, high, 0, -5],
      sub: [high - 1, low + 1, 0, -9],
      mul: [high, low, 0, -14],
      min: [1, low, low, -7],
      max: [high, -1, low, 2],
      and: [1, low, low, 0],
      or: [high, -1, low, -5],
      xor: [high - 1, high, 0, -5],
    };
    for (const [operator, values] of Object.entries(expected))
      expect([operator, on(type, [a, b], (x, y) => l.binary(operator as LoopBinary, x, y))]).toEqual([
        operator,
        values,
      ]);
    expect(on(type, [[low, high, -1, 0]], (x) => l.unary("neg", x))).toEqual([low, low + 1, 1, 0]);
    expect(on(type, [[low, high, -1, 0]], (x) => l.unary("abs", x))).toEqual([low, high, 1, 0]);
    expect(on(type, [[-7, low, 3, 1]], (x) => l.shr(x, l.i32(1)))).toEqual([-4, low / 2, 1, 0]);
    expect(on(type, [[high, low, 3, 1]], (x) => l.shl(x, l.i32(1)))).toEqual([-2, 0, 6, 2]);
    const width = { i8: 8, i16: 16, i32: 32 }[type.element as "i8"];
    expect(() => on(type, [a], (x) => l.shr(x, l.i32(width)))).toThrow(`internal: shift of ${width} bits`);
  });
  test("of i64", () => {
    const both = (f: (x: LoopExpression, y: LoopExpression) => LoopExpression) =>
      on(
        i64x2,
        [
          [high64, low64],
          [1n, -1n],
        ],
        f,
      );
    expect(both(l.add)).toEqual([low64, high64]);
    expect(both(l.sub)).toEqual([high64 - 1n, low64 + 1n]);
    expect(both(l.mul)).toEqual([high64, low64]);
    expect(both(l.min)).toEqual([1n, low64]);
    expect(both(l.max)).toEqual([high64, -1n]);
    expect(on(i64x2, [[low64, -7n]], (x) => l.unary("abs", x))).toEqual([low64, 7n]);
    expect(on(i64x2, [[low64, -7n]], (x) => l.shr(x, l.i32(1)))).toEqual([-(2n ** 62n), -4n]);
    expect(on(i64x2, [[low64, 3n]], (x) => l.shl(x, l.i32(1)))).toEqual([0n, 6n]);
    expect(on(i64Type, [[-7n], [1n]], (x, y) => l.shr(x, y))).toEqual([-4n]);
  });
  test("unsigned division of scalars", () => {
    expect(on(i32Type, [[-1], [2]], (x, y) => l.binary("divu", x, y))).toEqual([2147483647]);
    expect(() => on(i32Type, [[1], [0]], (x, y) => l.binary("divu", x, y))).toThrow("division by zero");
    expect(() =>
      on(
        i32x4,
        [
          [1, 1, 1, 1],
          [1, 1, 1, 1],
        ],
        (x, y) => l.binary("divu", x, y),
      ),
    ).toThrow("divu of i32x4");
  });
});

describe("float lanes", () => {
  test("f32 rounds after every operation, f64 does not", () => {
    const sum = (x: LoopExpression, y: LoopExpression) => l.sub(l.add(l.add(x, y), y), x);
    expect(on(f32Type, [[2 ** 24], [1]], sum)).toEqual([0]);
    expect(on(f64Type, [[2 ** 24], [1]], sum)).toEqual([2]);
    expect(on(f32Type, [[1], [3]], (x, y) => l.binary("div", x, y))).toEqual([Math.fround(1 / 3)]);
  });
  test.each([f32x4, vector("f64", 4)])("unary operators and comparisons of $element", (type) => {
    const special = [NaN, -0, 2.5, -Infinity];
    const unary = (operator: LoopUnary) => on(type, [special], (x) => l.unary(operator, x));
    expect(unary("nearest")).toEqual([NaN, -0, 2, -Infinity]);
    expect(unary("floor")).toEqual([NaN, -0, 2, -Infinity]);
    expect(unary("ceil")).toEqual([NaN, -0, 3, -Infinity]);
    expect(unary("trunc")).toEqual([NaN, -0, 2, -Infinity]);
    expect(unary("neg")).toEqual([NaN, 0, -2.5, Infinity]);
    expect(unary("abs")).toEqual([NaN, 0, 2.5, Infinity]);
    expect(on(type, [[4, -0, -1, Infinity]], (x) => l.unary("sqrt", x))).toEqual([2, -0, NaN, Infinity]);
    const [a, b] = [
      [NaN, 1, -0, 0],
      [1, NaN, 0, -0],
    ];
    expect(on(type, [a, b], l.min)).toEqual([NaN, 1, -0, 0]);
    expect(on(type, [a, b], l.max)).toEqual([NaN, 1, -0, 0]);
    const compared = (operator: LoopCompare) =>
      [
        ...on(
          type,
          [
            [NaN, 1, -0, 2],
            [NaN, 2, 0, 1],
          ],
          (x, y) => l.compare(operator, x, y),
        ),
      ].map(Number);
    expect(compared("eq")).toEqual([0, 0, -1, 0]);
    expect(compared("ne")).toEqual([-1, -1, 0, -1]);
    expect(compared("lt")).toEqual([0, -1, 0, 0]);
    expect(compared("le")).toEqual([0, -1, -1, 0]);
    expect(compared("gt")).toEqual([0, 0, 0, -1]);
    expect(compared("ge")).toEqual([0, 0, -1, -1]);
  });
  test("fields of doubles", () => {
    expect(on(f64x2, [[-1022, 10]], (x) => l.unary("pow2", x))).toEqual([2.2250738585072014e-308, 1024]);
    expect(on(f64x2, [[0.75, 1024.5]], (x) => l.unary("exponent", x))).toEqual([-1, 10]);
    expect(on(f64x2, [[0.75, 1536]], (x) => l.unary("significand", x))).toEqual([1.5, 1.5]);
    expect(() => on(f32x4, [[1, 1, 1, 1]], (x) => l.unary("pow2", x))).toThrow("pow2 of f32x4");
  });
});

test("scalar comparisons give 1, masks choose lanes", () => {
  expect(on(i32Type, [[1], [2]], (x, y) => l.compare("lt", x, y))).toEqual([1]);
  expect(on(i64Type, [[3n], [2n]], (x, y) => l.compare("lt", x, y))).toEqual([0]);
  expect(
    on(
      i64x2,
      [
        [1n, 3n],
        [2n, 2n],
      ],
      (x, y) => l.compare("lt", x, y),
    ),
  ).toEqual([-1n, 0n]);
  const larger = (x: LoopExpression, y: LoopExpression) => l.select(l.compare("gt", x, y), x, y);
  expect(
    on(
      i16x4,
      [
        [1, 5, -3, 0],
        [2, 4, -4, 0],
      ],
      larger,
    ),
  ).toEqual([2, 5, -3, 0]);
  expect(
    on(
      f32x4,
      [
        [1, 5, -3, 0],
        [2, 4, -4, 0],
      ],
      larger,
    ),
  ).toEqual([2, 5, -3, 0]);
  expect(
    on(
      i64x2,
      [
        [1n, 5n],
        [2n, 4n],
      ],
      larger,
    ),
  ).toEqual([2n, 5n]);
  expect(on(i64Type, [[1n], [2n]], larger)).toEqual([2n]);
});

test("conversions", () => {
  expect(on(f32x4, [[NaN, 3e9, -3e9, -1.9]], (x) => l.convert(i32x4, x))).toEqual([
    0, 2147483647, -2147483648, -1,
  ]);
  expect(on(f64Type, [[1e19]], (x) => l.convert(i64Type, x))).toEqual([high64]);
  expect(on(i32x4, [[16777217, 16777219, -1, 0]], (x) => l.convert(f32x4, x))).toEqual([
    16777216, 16777220, -1, 0,
  ]);
  expect(on(i64Type, [[2n ** 61n + 2n ** 37n + 1n]], (x) => l.convert(f32Type, x))).toEqual([
    2 ** 61 + 2 ** 38,
  ]);
  expect(on(i64Type, [[2n ** 31n]], (x) => l.convert(i32Type, x))).toEqual([-2147483648]);
  expect(on(i32Type, [[-1]], (x) => l.convert(i64Type, x))).toEqual([-1n]);
  expect(on(f64Type, [[0.1]], (x) => l.convert(f32Type, x))).toEqual([Math.fround(0.1)]);
});

describe("vector operations", () => {
  const i16x8 = vector("i16", 8);
  const i8x8 = vector("i8", 8);
  const counting = [1, 2, 3, 4, 5, 6, 7, 8];
  test("dot adds groups of products to each lane, and wraps", () => {
    const dot = (acc: Values, a: Values, b: Values) => lanes([i32x4, i16x8, i16x8], [acc, a, b], l.dot);
    expect(dot([100, 200, 300, 400], counting, [1, -1, 1, -1, 2, 2, 0, 0])).toEqual([99, 199, 322, 400]);
    const lowest = new Array<number>(8).fill(-32768);
    expect(dot([0, -1, 1, 2147483647], lowest, lowest)).toEqual([-2147483648, 2147483647, -2147483647, -1]);
    expect(lanes([i32Type, i8x8, i8x8], [[5], counting, counting], l.dot)).toEqual([209]);
    expect(lanes([i32Type, i32Type, i32Type], [[5], [65536], [65536]], l.dot)).toEqual([5]);
    expect(
      lanes([i64Type, vector("i32", 2), vector("i32", 2)], [[1n], [-2147483648, 1], [-2147483648, 1]], l.dot),
    ).toEqual([2n ** 62n + 2n]);
  });
  test("mulhi is the high word of the signed product", () => {
    const [a, b] = [
      [-2147483648, -1, 2147483647, 65536],
      [-2147483648, 1, 2147483647, 65535],
    ];
    expect(on(i32x4, [a, b], l.mulhi)).toEqual([1073741824, -1, 1073741823, 0]);
  });
  test("widen takes a half and keeps signs", () => {
    const x = [-1, 2, -3, 4, 127, -128, 7, 8];
    expect(on(i8x8, [x], (v) => l.widen(0, v))).toEqual([-1, 2, -3, 4]);
    expect(on(i8x8, [x], (v) => l.widen(1, v))).toEqual([127, -128, 7, 8]);
    expect(on(i32x4, [[1, 2, -3, 4]], (v) => l.widen(1, v))).toEqual([-3n, 4n]);
  });
  test("narrow joins and saturates", () => {
    const [a, b] = [
      [128, -129, 5, -6],
      [32767, -32768, 127, -128],
    ];
    expect(on(i16x4, [a, b], l.narrow)).toEqual([127, -128, 5, -6, 127, -128, 127, -128]);
    expect(
      on(
        i64x2,
        [
          [2n ** 40n, -5n],
          [low64, 5n],
        ],
        l.narrow,
      ),
    ).toEqual([2147483647, -5, -2147483648, 5]);
  });
  test("zip interleaves halves", () => {
    const [a, b] = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ];
    expect(on(i16x4, [a, b], (x, y) => l.zip(0, x, y))).toEqual([1, 5, 2, 6]);
    expect(on(i16x4, [a, b], (x, y) => l.zip(1, x, y))).toEqual([3, 7, 4, 8]);
    expect(
      on(
        i64x2,
        [
          [1n, 2n],
          [3n, 4n],
        ],
        (x, y) => l.zip(1, x, y),
      ),
    ).toEqual([2n, 4n]);
  });
  test("unsigned lanes hold their number's bits", () => {
    const [a, b] = [
      [70_000, -1, 40_000, 65_535],
      [0, 1, 65_536, -(2 ** 31)],
    ];
    expect(on(i32x4, [a, b], (x, y) => l.narrowUnsigned(x, y))).toEqual([-1, 0, -25_536, -1, 0, 1, -1, 0]);
    const wide = [300, -300, 255, 128, 0, 1, 2, 3];
    expect(on(i16x8, [wide], (x) => l.narrowUnsigned(x, x)).slice(0, 8)).toEqual([
      -1, 0, -1, -128, 0, 1, 2, 3,
    ]);
    const c = [-1, -32_768, 32_767, 100, -2, 0, -128, 1];
    const d = [1, -32_768, 1, 28, 1, 0, 127, 2];
    expect(on(i16x8, [c, d], l.addsatu)).toEqual([-1, -1, -32_768, 128, -1, 0, -1, 3]);
    expect(on(i16x8, [c], (x) => l.shru(x, l.i32(8)))).toEqual([255, 128, 127, 0, 255, 0, 255, 0]);
    expect(on(i32x4, [[-1, 256, 0, -(2 ** 31)]], (x) => l.shru(x, l.i32(8)))).toEqual([
      2 ** 24 - 1,
      1,
      0,
      2 ** 23,
    ]);
    expect(on(i64x2, [[-1n, 5n]], (x) => l.shru(x, l.i32(60)))).toEqual([15n, 0n]);
    expect(() => l.addsatu(l.constant(i32x4, 1), l.constant(i32x4, 1))).toThrow("addsatu of i32x4");
    expect(() => l.shru(l.i32(1), l.i32(1))).toThrow("shru of i32");
    expect(() => l.narrowUnsigned(l.constant(i64x2, 1), l.constant(i64x2, 1))).toThrow(
      "unsigned narrow of i64",
    );
  });
  test("build, splat, extract", () => {
    expect(on(i32Type, [[300], [-1]], (x, y) => l.build(i8x4, [x, y, l.i32(5), x]))).toEqual([44, -1, 5, 44]);
    expect(on(i32Type, [[70000]], (x) => l.splat(i16x4, x))).toEqual([4464, 4464, 4464, 4464]);
    expect(on(i8x8, [[1, 2, -3, 4, 5, 6, 7, 8]], (x) => l.extract(2, x))).toEqual([-3]);
    expect(on(f32x4, [[1, 2, 3, 4]], (x) => l.extract(3, x))).toEqual([4]);
    expect(on(i64Type, [[9n]], (x) => l.splat(i64x2, x))).toEqual([9n, 9n]);
  });
  test("ill-typed constructions are refused where they are built", () => {
    const x = l.constant(i16x8, 1);
    expect(() => l.add(x, l.i32(1))).toThrow("ill-typed loop expression: add of i16x8 and i32");
    expect(() => l.shl(x, x)).toThrow("shift amount");
    expect(() => l.narrow(l.constant(i8x8, 1), l.constant(i8x8, 1))).toThrow("narrow i8x8");
    expect(() => l.convert(i32x4, x)).toThrow("i16x8 to i32x4");
    expect(() => l.set(l.register("r", i32Type), x)).toThrow("set r");
  });
});

describe("memory", () => {
  const bytes = constantBuffer("bytes", "i8", [-1, 2, -3, 4]);
  const unsigned = constantBuffer("unsigned", "u16", [65535, 1, 2, 3]);
  const out = (element: MemoryElement, count: number) => arenaBuffer("out", element, count, "output");
  const loaded = (from: Buffer, type: RegisterType, first: number, splat?: number): Values => {
    const target = out(type.element, type.lanes);
    return run([from], target, [l.store(l.address(target, 0), l.load(type, l.address(from, first), splat))]);
  };
  test("narrow elements are extended by their sign, or by zeros", () => {
    expect(loaded(bytes, i16x4, 0)).toEqual([-1, 2, -3, 4]);
    expect(loaded(unsigned, i32x4, 0)).toEqual([65535, 1, 2, 3]);
    expect(loaded(unsigned, i16x4, 0)).toEqual([-1, 1, 2, 3]);
    expect(loaded(constantBuffer("u", "u32", [4294967295]), i64Type, 0)).toEqual([4294967295n]);
    expect(loaded(constantBuffer("u", "u32", [4294967295]), i32Type, 0)).toEqual([-1]);
    expect(loaded(bytes, i64Type, 2)).toEqual([-3n]);
  });
  test("splat repeats elements", () => {
    expect(loaded(bytes, i16x4, 1, 2)).toEqual([2, -3, 2, -3]);
    expect(loaded(bytes, i16x4, 3, 1)).toEqual([4, 4, 4, 4]);
  });
  test("reads end with the slack, which holds no plausible value", () => {
    const slack = constantBuffer("slack", "i8", [1, 2, 3], 1);
    expect(loaded(slack, i8x4, 0)).toEqual([1, 2, 3, -91]);
    expect(() => loaded(bytes, i8x4, 1)).toThrow(
      "internal: reads elements 1 to 4 of constant bytes, which has 4",
    );
    expect(() => loaded(bytes, i8x4, -1)).toThrow("reads elements -1 to 2");
  });
  test("stores truncate, take low lanes only, and stay inside", () => {
    const target = out("i8", 4);
    const wide = l.load(i32x4, l.address(constantBuffer("w", "i32", [257, -129, 3, 4]), 0));
    const source = (wide as Extract<LoopExpression, { kind: "load" }>).address.buffer;
    const stored = (at: number, lanesStored?: number) =>
      run([source], target, [l.store(l.address(target, at), wide, lanesStored)]);
    expect(stored(0)).toEqual([1, 127, 3, 4]);
    expect(stored(1, 3)).toEqual([0, 1, 127, 3]);
    expect(() => stored(1)).toThrow("writes elements 1 to 4 of output out, which has 4");
    expect(() => run([bytes], target, [l.store(l.address(bytes, 0), l.i32(1))])).toThrow(
      "writes elements 0 to 0 of constant",
    );
    const long = out("i16", 1);
    expect(run([], long, [l.store(l.address(long, 0), l.i64(65536 * 4 - 2))])).toEqual([-2]);
  });
  test("element types must fit", () => {
    expect(() => loaded(constantBuffer("w", "i32", [1, 2, 3, 4]), i16x4, 0)).toThrow(
      "i32 elements loaded as i16x4",
    );
    expect(() => loaded(constantBuffer("w", "f32", [1, 2, 3, 4]), i32x4, 0)).toThrow(
      "f32 elements loaded as i32x4",
    );
    const target = out("i32", 4);
    expect(() => run([], target, [l.store(l.address(target, 0), l.constant(i16x4, 1))])).toThrow(
      "i16 lanes are stored to i32",
    );
  });
  test("addresses may be computed, or absolute bytes", () => {
    const target = out("i32", 1);
    const at = l.register("at");
    const dynamic = l.load(i32Type, l.address(bytes, 1, l.load(i32Type, l.address(bytes, 1))));
    expect(run([bytes], target, [l.store(l.address(target, 0), dynamic)])).toEqual([4]);

    const words = constantBuffer("words", "i16", [10, 20, 30]);
    const pointed = {
      buffer: words,
      index: l.loopAffine(2, [{ register: at, factor: 1 }]),
      unit: "byte",
    } as const;
    const machineAt = (pointer: number) => {
      const body = [l.set(at, l.i32(pointer)), l.store(l.address(target, 0), l.load(i32Type, pointed))];
      const machine = loadProgram(programOf([words, target], body), { addresses: new Map([[words, 1000]]) });
      machine.run();
      return machine.memories.get(target)!.elements[0];
    };
    expect(machineAt(1000)).toBe(20);
    expect(machineAt(1002)).toBe(30);
    expect(() => machineAt(1001)).toThrow("splits an element of words");
  });
  test("buffers must be placed inside the arena, aligned, with their data", () => {
    const target = out("i32", 4);
    const program = programOf([target], []);
    expect(() => loadProgram({ ...program, offsetsBytes: new Map() })).toThrow("has no place");
    expect(() => loadProgram({ ...program, offsetsBytes: new Map([[target, 16]]) })).toThrow(
      "leaves the arena",
    );
    expect(() =>
      loadProgram({
        ...program,
        arenaBytes: 64,
        arenaLowerBoundBytes: 0,
        offsetsBytes: new Map([[target, 8]]),
      }),
    ).toThrow("not aligned");
    expect(() => loadProgram(programOf([{ ...bytes, count: 5 }], []))).toThrow(
      "does not carry its 5 elements",
    );
  });
});

describe("statements", () => {
  const out = arenaBuffer("out", "i32", 8, "output");
  const [i, j, acc] = [l.register("i"), l.register("j"), l.register("acc")];
  const at = (constant: number, ...terms: [typeof i, number][]) =>
    l.address(
      out,
      l.loopAffine(
        constant,
        terms.map(([register, factor]) => ({ register, factor })),
      ),
    );
  test("loops run from, to, by step; bounds are evaluated once", () => {
    const body = [l.loop(i, 1, 8, 3, [l.store(at(0, [i, 1]), l.read(i))])];
    expect(run([], out, body)).toEqual([0, 1, 0, 0, 4, 0, 0, 7]);
    const shrinking = [
      l.set(acc, l.i32(4)),
      l.loop(i, 0, l.read(acc), 1, [l.set(acc, l.i32(0)), l.store(at(0, [i, 1]), l.i32(9))]),
    ];
    expect(run([], out, shrinking)).toEqual([9, 9, 9, 9, 0, 0, 0, 0]);
    expect(run([], out, [l.loop(i, 3, 3, 1, [l.store(at(0), l.i32(1))])])).toEqual(new Array(8).fill(0));
  });
  test("registers carry values between iterations; set does not alias", () => {
    const [a, b] = [l.register("a", i32x4), l.register("b", i32x4)];
    const body = [
      l.set(a, l.constant(i32x4, 1)),
      l.set(b, l.read(a)),
      l.loop(j, 0, 3, 1, [l.set(a, l.add(l.read(a), l.read(a)))]),
      l.fence(a, b),
      l.comment("both"),
      l.store(at(0), l.read(a)),
      l.store(at(4), l.read(b)),
    ];
    expect(run([], out, body)).toEqual([8, 8, 8, 8, 1, 1, 1, 1]);
  });
  test("registers must be set before they are read, and be named apart", () => {
    expect(() => run([], out, [l.store(at(0), l.read(acc))])).toThrow(
      "p reads register acc before it is set",
    );
    const twin = l.register("acc");
    expect(() => run([], out, [l.set(acc, l.i32(1)), l.set(twin, l.i32(1))])).toThrow("two registers acc");
  });
});

test("a network: inputs in, every tensor observed, outputs out", () => {
  // y = 2 x over a bordered, centred buffer: x is i8 with zero point 3, stored as i16 x - 3 in rows of 4.
  const input = arenaBuffer("input", "i16", 12, "input");
  const output = arenaBuffer("output", "i32", 4, "output");
  const x: TensorStorage = {
    tensor: "x",
    element: "i8",
    buffer: input,
    shape: [2, 2],
    strides: [4, 1],
    start: 5,
    bias: 3,
  };
  const y: TensorStorage = {
    tensor: "y",
    element: "i32",
    buffer: output,
    shape: [2, 2],
    strides: [2, 1],
    start: 0,
    bias: 0,
  };
  const [r, c] = [l.register("r"), l.register("c")];
  const index = (constant: number, row: number) =>
    l.loopAffine(constant, [
      { register: r, factor: row },
      { register: c, factor: 1 },
    ]);
  const doubled = l.mul(l.load(i32Type, l.address(input, index(5, 4))), l.i32(2));
  const body = [l.loop(r, 0, 2, 1, [l.loop(c, 0, 2, 1, [l.store(l.address(output, index(0, 2)), doubled)])])];
  const program: LoopProgram = {
    ...programOf([input, output], body),
    inputs: [x],
    outputs: [y],
    tensors: [
      { ...x, after: -1 },
      { ...y, after: 0 },
    ],
  };
  const seen: [string, number[]][] = [];
  const given = tensor("i8", [2, 2], [3, 4, -128, 127]);
  const [result] = interpretProgram(program, [given], (name, { data }) =>
    seen.push([name, [...(data as Int8Array)]]),
  );
  expect([...result!.data]).toEqual([0, 2, -262, 248]);
  expect(seen).toEqual([
    ["x", [3, 4, -128, 127]],
    ["y", [0, 2, -262, 248]],
  ]);
  expect(() => interpretProgram(program, [])).toThrow("0 inputs for a program of 1");
});
