/**
 * Every scalar node of the loop IR on edge values: emitted C (both compilers, several optimizations, sanitizers, no
 * warning) against expectations computed here in bigints, and against the loop interpreter.
 */
import { afterAll, describe, expect, it } from "vitest";
import { createCExecutor } from "../../../src/driver/node/c-executor.ts";
import * as b from "../../../src/loops/build.ts";
import { interpretProgram } from "../../../src/loops/interpret.ts";
import { f32Type, f64Type, i32Type, i64Type } from "../../../src/loops/loop.ts";
import type { LoopExpression, MemoryElement, RegisterType } from "../../../src/loops/loop.ts";
import { allocate, tensor } from "../../../src/tensor/tensor.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { hostCompilers, noHostCompiler, sanitizers, warnings } from "./compilers.ts";
import { buffer, programOf } from "./programs.ts";

type Value = number | bigint;

interface Case {
  readonly name: string;
  /** Elements of the two operands' memory and of the result's. */
  readonly from: MemoryElement;
  readonly to: MemoryElement;
  /** The lanes operands are loaded to; default: the natural ones. */
  readonly lanes?: RegisterType;
  readonly value: (x: LoopExpression, y: LoopExpression) => LoopExpression;
  /** undefined: outside what the node promises, left out. Integers get bigints. */
  readonly expected: (x: never, y: never) => Value | undefined;
}

const natural: Record<MemoryElement, RegisterType> = {
  i8: i32Type,
  u8: i32Type,
  i16: i32Type,
  u16: i32Type,
  i32: i32Type,
  u32: i32Type,
  i64: i64Type,
  f32: f32Type,
  f64: f64Type,
};

const edges: Record<MemoryElement, readonly Value[]> = {
  i8: [-128, -127, -65, -1, 0, 1, 2, 99, 127],
  u8: [0, 1, 2, 127, 128, 200, 255],
  i16: [-32768, -32767, -300, -1, 0, 1, 255, 32767],
  u16: [0, 1, 32767, 32768, 65535],
  i32: [-(2 ** 31), -(2 ** 31) + 1, -65536, -3, -2, -1, 0, 1, 2, 7, 46341, 65535, 2 ** 30, 2 ** 31 - 1],
  u32: [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
  i64: [
    -(2n ** 63n),
    -(2n ** 62n),
    -(2n ** 32n) - 1n,
    -3n,
    -1n,
    0n,
    1n,
    5n,
    2n ** 31n,
    2n ** 32n,
    2n ** 63n - 1n,
  ],
  f32: [
    -Infinity,
    -2147483648,
    -2147483904,
    -2.5,
    -1.5,
    -0.5,
    -0,
    0,
    1e-45,
    0.1,
    0.5,
    1.5,
    2.5,
    3.7,
    16777217,
    2147483520,
    2147483648,
    9.3e18,
    Infinity,
    NaN,
  ].map(Math.fround),
  f64: [
    -Infinity,
    -2147483649,
    -2147483648.9,
    -2.5,
    -0.5,
    -0,
    0,
    5e-324,
    0.1,
    0.5,
    1.5,
    2147483647.5,
    2147483648,
    9.2e18,
    9.3e18,
    Infinity,
    NaN,
  ],
};

const inRange = (value: bigint, bits: number): bigint | undefined =>
  BigInt.asIntN(bits, value) === value ? value : undefined;

const integerCases = (
  name: string,
  operator: (x: LoopExpression, y: LoopExpression) => LoopExpression,
  expected: (x: bigint, y: bigint) => bigint | undefined,
): Case[] => [
  ...(["i8", "u16", "i32"] as const).map((from) => ({
    name: `${name}_${from}`,
    from,
    to: "i32" as const,
    value: operator,
    expected: (x: bigint, y: bigint) => {
      const result = expected(BigInt.asIntN(32, x), BigInt.asIntN(32, y));
      return result === undefined ? undefined : inRange(result, 32);
    },
  })),
  ...(["u32", "i64"] as const).map((from) => ({
    name: `${name}_${from}_to_i64`,
    from,
    to: "i64" as const,
    lanes: i64Type,
    value: operator,
    expected: (x: bigint, y: bigint) => {
      const result = expected(x, y);
      return result === undefined ? undefined : inRange(result, 64);
    },
  })),
];

const cases: Case[] = [
  ...integerCases("add", b.add, (x, y) => x + y),
  ...integerCases("sub", b.sub, (x, y) => x - y),
  ...integerCases("mul", b.mul, (x, y) => x * y),
  ...integerCases("min", b.min, (x, y) => (y < x ? y : x)),
  ...integerCases("max", b.max, (x, y) => (x < y ? y : x)),
  ...integerCases(
    "and",
    (x, y) => b.binary("and", x, y),
    (x, y) => x & y,
  ),
  ...integerCases(
    "or",
    (x, y) => b.binary("or", x, y),
    (x, y) => x | y,
  ),
  ...integerCases(
    "xor",
    (x, y) => b.binary("xor", x, y),
    (x, y) => x ^ y,
  ),
  ...integerCases(
    "neg",
    (x) => b.unary("neg", x),
    (x) => -x,
  ),
  ...integerCases(
    "neg_of_neg",
    (x) => b.unary("neg", b.unary("neg", x)),
    (x) => (x === -(2n ** 31n) || x === -(2n ** 63n) ? undefined : x),
  ),
  ...integerCases(
    "neg_of_sum",
    (x, y) => b.unary("neg", b.add(x, y)),
    (x, y) => (inRange(x + y, 32) === undefined ? undefined : -(x + y)),
  ),
  ...integerCases(
    "abs",
    (x) => b.unary("abs", x),
    (x) => (x < 0n ? -x : x),
  ),
  ...integerCases(
    "sub_of_sub",
    (x, y) => b.sub(y, b.sub(x, y)),
    (x, y) => (inRange(x - y, 32) === undefined ? undefined : y - (x - y)),
  ),
  ...integerCases(
    "product_of_sum",
    (x, y) => b.mul(b.add(x, y), y),
    (x, y) => (inRange(x + y, 32) === undefined ? undefined : (x + y) * y),
  ),
  ...integerCases(
    "less",
    (x, y) => select(b.compare("lt", x, y), x, y),
    (x, y) => (x < y ? x : y),
  ),
  ...integerCases(
    "plus_negative",
    (x) => b.add(x, b.constant(x.type, -300)),
    (x) => x - 300n,
  ),
  ...integerCases(
    "minus_negative",
    (x) => b.sub(x, b.constant(x.type, -70000)),
    (x) => x + 70000n,
  ),
  ...integerCases(
    "from_constant",
    (x) => b.sub(b.constant(x.type, -5), x),
    (x) => -5n - x,
  ),
  ...integerCases(
    "times_large",
    (x) => b.mul(b.constant(x.type, 1000), x),
    (x) => 1000n * x,
  ),
  ...integerCases(
    "clamp",
    (x) => b.clamp(x, b.constant(x.type, -128), b.constant(x.type, 127)),
    (x) => (x < -128n ? -128n : x > 127n ? 127n : x),
  ),
  ...integerCases(
    "clamp_other_way",
    (x) => b.max(b.min(b.constant(x.type, 9), x), b.constant(x.type, -9)),
    (x) => (x < -9n ? -9n : x > 9n ? 9n : x),
  ),
  ...integerCases(
    "crossed_bounds",
    (x) => b.min(b.max(x, b.constant(x.type, 5)), b.constant(x.type, -5)),
    () => -5n,
  ),
  ...[0, 14, 15, 31].flatMap((count) => [
    ...integerCases(
      `shr_${count}`,
      (x) => ({ ...b.shr(x, b.i32(1)), right: b.i32(count) }) as LoopExpression,
      (x) => x >> BigInt(count),
    ),
    ...integerCases(
      `shr_product_${count}`,
      (x, y) => b.shr(b.mul(x, y), b.i32(count)),
      (x, y) => (inRange(x * y, 32) === undefined ? undefined : (x * y) >> BigInt(count)),
    ),
  ]),
  // Shifts left wrap.
  ...[0, 1, 7, 8, 15, 31].map((count): Case => ({
    name: `shl_${count}`,
    from: "i32",
    to: "i32",
    value: (x) => b.shl(x, b.i32(count)),
    expected: (x: bigint) => BigInt.asIntN(32, x << BigInt(count)),
  })),
  ...[1, 8, 31].map((count): Case => ({
    name: `shl_narrow_${count}`,
    from: "i8",
    to: "i32",
    value: (x) => b.shl(x, b.i32(count)),
    expected: (x: bigint) => BigInt.asIntN(32, x << BigInt(count)),
  })),
  ...[1, 31, 32, 63].map((count): Case => ({
    name: `shl_wide_${count}`,
    from: "i64",
    to: "i64",
    value: (x) => b.shl(x, b.i32(count)),
    expected: (x: bigint) => BigInt.asIntN(64, x << BigInt(count)),
  })),
  ...[32, 63].map((count): Case => ({
    name: `shr_wide_${count}`,
    from: "i8",
    lanes: i64Type,
    to: "i64",
    value: (x) => b.shr(x, b.i32(count)),
    expected: (x: bigint) => x >> BigInt(count),
  })),
  ...(
    [
      ["shl", (x: bigint, n: bigint) => BigInt.asIntN(32, x << n)],
      ["shr", (x: bigint, n: bigint) => x >> n],
    ] as const
  ).map(([operator, expected]): Case => ({
    name: `${operator}_by_register`,
    from: "i32",
    to: "i32",
    value: (x, y) => b.binary(operator, x, b.binary("and", y, b.i32(31))),
    expected: (x: bigint, y: bigint) => expected(x, y & 31n),
  })),
  {
    name: "shift_of_narrow_by_register",
    from: "i8",
    to: "i32",
    value: (x, y) => b.shr(x, b.binary("and", y, b.i32(31))),
    expected: (x: bigint, y: bigint) => x >> (y & 31n),
  },
  ...(["lt", "le", "gt", "ge", "eq", "ne"] as const).flatMap((operator): Case[] => {
    const holds = <T>(x: T, y: T): boolean =>
      ({ lt: x < y, le: x <= y, gt: x > y, ge: x >= y, eq: x === y, ne: x !== y })[operator];
    return [
      ...(["i8", "u8", "i32", "u32", "i64"] as const).map((from): Case => ({
        name: `${operator}_${from}`,
        from,
        to: "i32",
        value: (x, y) => b.compare(operator, x, y),
        expected: (x: bigint, y: bigint) =>
          BigInt(from === "u32" ? holds(BigInt.asIntN(32, x), BigInt.asIntN(32, y)) : holds(x, y)),
      })),
      ...(["f32", "f64"] as const).map((from): Case => ({
        name: `${operator}_${from}`,
        from,
        to: "i32",
        value: (x, y) => b.compare(operator, x, y),
        expected: (x: number, y: number) => BigInt(holds(x, y)),
      })),
      // Decided by the operand's type alone, which compilers warn of.
      ...[-1, 0, 255, 256, 100000].map((bound): Case => ({
        name: `${operator}_u8_against_${bound < 0 ? "minus_one" : bound}`,
        from: "u8",
        to: "i32",
        value: (x) => b.compare(operator, x, b.i32(bound)),
        expected: (x: bigint) => BigInt(holds(x, BigInt(bound))),
      })),
    ];
  }),
  {
    name: "sum_of_comparisons",
    from: "i32",
    to: "i32",
    value: (x, y) => b.add(b.compare("lt", x, y), b.compare("eq", b.compare("ge", x, b.i32(0)), b.i32(1))),
    expected: (x: bigint, y: bigint) => BigInt(x < y) + BigInt(x >= 0n),
  },
  {
    name: "select_by_value",
    from: "i8",
    to: "i32",
    value: (x, y) => select(b.mul(x, y), select(x, b.i32(1), b.i32(-40000)), b.add(x, b.i32(3))),
    expected: (x: bigint, y: bigint) => (x * y !== 0n ? 1n : x + 3n),
  },
  {
    name: "select_mixed",
    from: "i8",
    lanes: i64Type,
    to: "i64",
    value: (x, y) => select(b.compare("lt", x, y), x, b.mul(b.i64(2 ** 40), y)),
    expected: (x: bigint, y: bigint) => (x < y ? x : 2n ** 40n * y),
  },
  {
    name: "dot",
    from: "i8",
    to: "i32",
    value: (x, y) => b.dot(b.i32(70000), x, y),
    expected: (x: bigint, y: bigint) => 70000n + x * y,
  },
  {
    name: "mulhi",
    from: "i32",
    to: "i32",
    value: b.mulhi,
    expected: (x: bigint, y: bigint) => (x * y) >> 32n,
  },
  {
    name: "mulhi_narrow",
    from: "i16",
    to: "i32",
    value: b.mulhi,
    expected: (x: bigint, y: bigint) => (x * y) >> 32n,
  },
  {
    name: "rescaled",
    from: "i32",
    to: "i8",
    value: (x) => {
      const product = b.mul(b.convert(i64Type, x), b.convert(i64Type, b.i32(1518500250)));
      return b.clamp(
        b.convert(i32Type, b.shr(b.add(product, b.i64(2 ** 45)), b.i32(46))),
        b.i32(-128),
        b.i32(127),
      );
    },
    expected: (x: bigint) => {
      const y = BigInt.asIntN(32, (x * 1518500250n + 2n ** 45n) >> 46n);
      return y < -128n ? -128n : y > 127n ? 127n : y;
    },
  },
  {
    name: "divu",
    from: "i32",
    to: "i32",
    value: (x, y) => b.binary("divu", x, b.binary("or", y, b.i32(1))),
    expected: (x: bigint, y: bigint) => BigInt.asIntN(32, BigInt.asUintN(32, x) / BigInt.asUintN(32, y | 1n)),
  },
  {
    name: "divu_of_unsigned",
    from: "u32",
    to: "i32",
    value: (x) => b.binary("divu", x, b.i32(3)),
    expected: (x: bigint) => BigInt.asIntN(32, x / 3n),
  },
  {
    name: "widen_sum",
    from: "i32",
    to: "i64",
    value: (x, y) => b.add(b.convert(i64Type, x), b.convert(i64Type, y)),
    expected: (x: bigint, y: bigint) => x + y,
  },
  {
    name: "wrap",
    from: "i64",
    to: "i32",
    value: (x) => b.convert(i32Type, x),
    expected: (x: bigint) => BigInt.asIntN(32, x),
  },
  // Stores truncate.
  ...(["i8", "u8", "i16", "u16", "u32"] as const).map((to): Case => ({
    name: `store_${to}`,
    from: "i32",
    to,
    value: (x) => x,
    expected: (x: bigint) => {
      const bits = Number(to.slice(1));
      return to.startsWith("u") ? BigInt.asUintN(bits, x) : BigInt.asIntN(bits, x);
    },
  })),
  { name: "store_u8_constant", from: "i8", to: "u8", value: () => b.i32(255), expected: () => 255n },
  { name: "store_i8_constant_too_wide", from: "i8", to: "i8", value: () => b.i32(255), expected: () => -1n },
  {
    name: "store_smallest",
    from: "i8",
    to: "i32",
    value: () => b.i32(-(2 ** 31)),
    expected: () => -(2n ** 31n),
  },
  {
    name: "store_smallest_i64",
    from: "i8",
    to: "i64",
    value: () => b.i64(-(2 ** 63)),
    expected: () => -(2n ** 63n),
  },
  {
    name: "store_i64_to_i32",
    from: "i64",
    to: "i32",
    value: (x) => x,
    expected: (x: bigint) => BigInt.asIntN(32, x),
  },
  {
    name: "store_i64_to_i8",
    from: "i64",
    to: "i8",
    value: (x) => x,
    expected: (x: bigint) => BigInt.asIntN(8, x),
  },

  ...floatCases(),
];

function select(condition: LoopExpression, yes: LoopExpression, no: LoopExpression): LoopExpression {
  return { kind: "select", type: yes.type, condition, whenTrue: yes, whenFalse: no };
}

function floatCases(): Case[] {
  const halfEven = (x: number): number => {
    if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
    const low = Math.floor(x);
    const rest = x - low;
    const even = low % 2 === 0 ? low : low + 1;
    const result = rest < 0.5 ? low : rest > 0.5 ? low + 1 : even;
    return result === 0 && (x < 0 || Object.is(x, -0)) ? -0 : result;
  };
  const saturate = (x: number, bits: number): bigint => {
    if (Number.isNaN(x)) return 0n;
    const top = 2n ** BigInt(bits - 1);
    if (x >= Number(top)) return top - 1n;
    if (x < -Number(top)) return -top;
    return BigInt(Math.trunc(x));
  };
  return (["f32", "f64"] as const)
    .flatMap((type): Case[] => {
      const round = type === "f32" ? Math.fround : (x: number) => x;
      const lanes = type === "f32" ? f32Type : f64Type;
      const number = (x: number) => b.constant(lanes, round(x));
      const binaryCase = (
        name: string,
        value: Case["value"],
        expected: (x: number, y: number) => number,
      ): Case => ({
        name: `${name}_${type}`,
        from: type,
        to: type,
        value,
        expected: (x: number, y: number) => round(expected(x, y)),
      });
      return [
        binaryCase("add", b.add, (x, y) => x + y),
        binaryCase("sub", b.sub, (x, y) => x - y),
        binaryCase("mul", b.mul, (x, y) => x * y),
        binaryCase(
          "div",
          (x, y) => b.binary("div", x, y),
          (x, y) => x / y,
        ),
        binaryCase("min", b.min, (x, y) => (y < x ? y : x)),
        binaryCase("max", b.max, (x, y) => (x < y ? y : x)),
        binaryCase(
          "clamp",
          (x) => b.clamp(x, number(0), number(6)),
          (x) => {
            const m = x < 0 ? 0 : x;
            return 6 < m ? 6 : m;
          },
        ),
        binaryCase(
          "order",
          (x, y) => b.add(x, b.add(y, number(1e7))),
          (x, y) => x + round(y + round(1e7)),
        ),
        binaryCase(
          "uncontracted",
          (x, y) => b.add(b.mul(x, y), number(0.3)),
          (x, y) => round(x * y) + round(0.3),
        ),
        binaryCase(
          "neg",
          (x) => b.unary("neg", x),
          (x) => -x,
        ),
        binaryCase(
          "minus_neg",
          (x, y) => b.sub(x, b.unary("neg", y)),
          (x, y) => x + y,
        ),
        binaryCase(
          "abs",
          (x) => b.unary("abs", x),
          (x) => Math.abs(x),
        ),
        binaryCase(
          "sqrt",
          (x) => b.unary("sqrt", x),
          (x) => Math.sqrt(x),
        ),
        binaryCase(
          "floor",
          (x) => b.unary("floor", x),
          (x) => Math.floor(x),
        ),
        binaryCase(
          "ceil",
          (x) => b.unary("ceil", x),
          (x) => Math.ceil(x),
        ),
        binaryCase(
          "trunc",
          (x) => b.unary("trunc", x),
          (x) => Math.trunc(x),
        ),
        binaryCase("nearest", (x) => b.unary("nearest", x), halfEven),
        ...[0.1, -0, 1e-45, 16777216, 3.4028234663852886e38, -Infinity, NaN, 1 / 3, -5].map((value, index) =>
          binaryCase(
            `constant_${index}`,
            () => number(value),
            () => round(value),
          ),
        ),
        binaryCase(
          "plus_constant",
          (x) => b.add(x, number(-0.1)),
          (x) => x + round(-0.1),
        ),
        {
          name: `i32_from_${type}`,
          from: type,
          to: "i32",
          value: (x) => b.convert(i32Type, x),
          expected: (x: number) => saturate(x, 32),
        },
        {
          name: `i64_from_${type}`,
          from: type,
          to: "i64",
          value: (x) => b.convert(i64Type, x),
          expected: (x: number) => saturate(x, 64),
        },
        {
          name: `${type}_from_i32`,
          from: "i32",
          to: type,
          value: (x) => b.convert(lanes, x),
          expected: (x: bigint) => round(Number(x)),
        },
        {
          name: `${type}_from_i8`,
          from: "i8",
          to: type,
          value: (x, y) => b.convert(lanes, b.mul(x, y)),
          expected: (x: bigint, y: bigint) => round(Number(x * y)),
        },
        {
          name: `${type}_from_i64`,
          from: "i64",
          to: type,
          value: (x) => b.convert(lanes, x),
          expected: (x: bigint) => (type === "f64" ? Number(x) : undefined),
        },
      ];
    })
    .concat([
      {
        name: "f32_from_f64",
        from: "f64",
        to: "f32",
        value: (x) => b.convert(f32Type, x),
        expected: (x: number) => Math.fround(x),
      },
      {
        name: "f64_from_f32",
        from: "f32",
        to: "f64",
        value: (x) => b.convert(f64Type, x),
        expected: (x: number) => x,
      },
      // 2^24 + 1 + a little: rounding to f64 first would lose the little and then tie to even.
      {
        name: "f32_from_i64_once",
        from: "i8",
        to: "f32",
        value: () => b.convert(f32Type, b.i64(2 ** 60 + 2 ** 36 + 2 ** 8)),
        expected: () => 2 ** 60 + 2 ** 37,
      },
      {
        name: "pow2",
        from: "i16",
        to: "f64",
        value: (x) => b.unary("pow2", b.convert(f64Type, b.clamp(x, b.i32(-1022), b.i32(1023)))),
        expected: (x: bigint) => 2 ** Math.max(-1022, Math.min(1023, Number(x))),
      },
      {
        name: "exponent",
        from: "f64",
        to: "f64",
        value: (x) => b.unary("exponent", x),
        expected: (x: number) => (x >= 2.3e-308 && x < Infinity ? Math.floor(Math.log2(x)) : undefined),
      },
      {
        name: "significand",
        from: "f64",
        to: "f64",
        value: (x) => b.unary("significand", x),
        expected: (x: number) =>
          x >= 2.3e-308 && x < Infinity ? x / 2 ** Math.floor(Math.log2(x)) : undefined,
      },
    ]);
}

interface Prepared {
  readonly of: Case;
  readonly inputs: readonly [Tensor, Tensor];
  readonly expected: readonly Value[];
}

const isFloatElement = (element: MemoryElement): boolean => element.startsWith("f");

function prepare(of: Case): Prepared {
  const xs: Value[] = [];
  const ys: Value[] = [];
  const expected: Value[] = [];
  for (const x of edges[of.from]) {
    for (const y of edges[of.from]) {
      const give = (value: Value) => (isFloatElement(of.from) ? value : BigInt(value)) as never;
      const result = of.expected(give(x), give(y));
      if (result === undefined) continue;
      xs.push(x);
      ys.push(y);
      expected.push(result);
    }
  }
  const make = (values: readonly Value[]) =>
    tensor(of.from, [values.length], of.from === "i64" ? values.map(BigInt) : values.map(Number));
  return { of, inputs: [make(xs), make(ys)], expected };
}

const prepared = cases.map(prepare).filter(({ expected }) => expected.length > 0);

const program = (() => {
  const i = b.register("i");
  const ports = prepared.map(({ of, expected }) => ({
    of,
    x: buffer(`${of.name}_x`, of.from, expected.length, "input"),
    y: buffer(`${of.name}_y`, of.from, expected.length, "input"),
    z: buffer(`${of.name}_z`, of.to, expected.length, "output"),
  }));
  const at = (of: (typeof ports)[number]["x"]) =>
    b.address(of, b.loopAffine(0, [{ register: i, factor: 1 }]));
  const steps = ports.map(({ of, x, y, z }) => {
    const lanes = of.lanes ?? natural[of.from];
    const value = of.value(b.load(lanes, at(x)), b.load(lanes, at(y)));
    return { name: of.name, body: [b.loop(i, 0, z.count, 1, [b.store(at(z), value)])] };
  });
  return programOf(
    "expressions",
    ports.flatMap(({ x, y, z }) => [x, y, z]),
    steps,
  );
})();

const inputs = prepared.flatMap(({ inputs: both }) => both);

function expectedTensor({ of, expected }: Prepared): Tensor {
  const data = allocate(of.to, expected.length);
  expected.forEach((value, index) => {
    data[index] = data instanceof BigInt64Array ? BigInt(value) : Number(value);
  });
  return { element: of.to, shape: [expected.length], data };
}

/** Equality of values where NaNs are one value and zeros are two. */
function compareAll(outputs: readonly Tensor[]): void {
  const wrong = prepared.flatMap((each, index) => {
    const found = outputs[index]!.data;
    const wanted = expectedTensor(each).data;
    return Array.from(wanted as ArrayLike<Value>, (value, at) => ({ value, at }))
      .filter(({ value, at }) => !Object.is(found[at], value))
      .map(({ value, at }) => {
        const [x, y] = each.inputs.map((input) => String(input.data[at]));
        return `${each.of.name}(${x}, ${y}) = ${String(found[at])}, not ${String(value)}`;
      });
  });
  expect(wrong).toEqual([]);
}

describe("expressions", () => {
  it("expectations agree with the loop interpreter", () => {
    compareAll(interpretProgram(program, inputs));
  });

  const made: { dispose(): void }[] = [];
  afterAll(() => {
    for (const executor of made) executor.dispose();
  });

  describe.skipIf(noHostCompiler)("in C (skipped where there is neither gcc nor clang)", () => {
    const levels = [["-O0", ...sanitizers], ["-O2"]];
    for (const compiler of hostCompilers) {
      it.each(levels.map((flags) => ({ flags })))(`${compiler[0]} $flags`, ({ flags }) => {
        const executor = createCExecutor(program, { compiler, flags: [...warnings, ...flags] });
        made.push(executor);
        compareAll(executor.run(inputs));
      });
    }
  });
});
