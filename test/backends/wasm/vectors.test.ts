/** Instructions that move, join and reduce lanes. */
import { describe, expect, test } from "vitest";
import {
  addsatu,
  build,
  compare,
  dot,
  extract,
  i32,
  narrow,
  narrowUnsigned,
  read,
  register,
  select,
  set,
  shru,
  splat,
  widen,
  zip,
} from "../../../src/loops/build.ts";
import type { LaneElement, LoopExpression } from "../../../src/loops/loop.ts";
import { f32Type, f64Type, i32Type, i64Type, vector } from "../../../src/loops/loop.ts";
import { at, constantBuffer, evaluate, program, put, run, scratchBuffer } from "./harness.ts";

const i8x16 = vector("i8", 16);
const i16x8 = vector("i16", 8);
const i32x4 = vector("i32", 4);
const i64x2 = vector("i64", 2);

const bytes = constantBuffer(
  "bytes",
  "i8",
  [-128, 127, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 13, -14, -128, -128],
);
const others = constantBuffer("others", "i8", [-128, -128, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, -128, 127]);
const shorts = constantBuffer("shorts", "i16", [-32768, -32768, 300, -1, 127, 128, -128, -129]);
const shorts2 = constantBuffer("shorts2", "i16", [-32768, -32768, 7, 9, 32767, 2, 3, 4]);
const words = constantBuffer("words", "i32", [2 ** 31 - 1, -(2 ** 31), 32_768, -32_769]);
const words2 = constantBuffer("words2", "i32", [5, -6, 32_767, -32_768]);
const longs = constantBuffer("longs", "i64", [2n ** 40n, -(2n ** 40n)]);
const longs2 = constantBuffer("longs2", "i64", [-5n, 2n ** 31n]);
const floats = constantBuffer("floats", "f32", [1.5, -2.5, 0.1, 1e10]);
const all = [bytes, others, shorts, shorts2, words, words2, longs, longs2, floats];

const expectValue = async (value: LoopExpression, expected: readonly (number | bigint)[]): Promise<void> => {
  expect(await evaluate(all, [value])).toEqual([expected]);
};
const valuesOf = (buffer: (typeof all)[number]): (number | bigint)[] =>
  Array.from(buffer.data as Iterable<number>);

describe("dot", () => {
  test("i16x8 into i32x4, wrapping where both pairs are the extreme", async () => {
    const expected = [-(2 ** 31) + 5, 2100 - 9 - 6, 127 * 32_767 + 256 + 32_767, -384 - 516 - 32_768];
    await expectValue(dot(at(i32x4, words2), at(i16x8, shorts), at(i16x8, shorts2)), expected);
  });

  test("i8x16 into i32x4", async () => {
    const a = valuesOf(bytes) as number[];
    const b = valuesOf(others) as number[];
    const acc = valuesOf(words2) as number[];
    const expected = acc.map((sum, j) =>
      [0, 1, 2, 3].reduce((s, e) => s + a[4 * j + e]! * b[4 * j + e]!, sum),
    );
    await expectValue(dot(at(i32x4, words2), at(i8x16, bytes), at(i8x16, others)), expected);
  });

  test("of equal lanes multiplies and adds", async () => {
    const expected = (valuesOf(words) as number[]).map(
      (a, i) => (Math.imul(a, a) + Number(words2.data![i])) | 0,
    );
    await expectValue(dot(at(i32x4, words2), at(i32x4, words), at(i32x4, words)), expected);
    await expectValue(dot(at(i32Type, words2), at(i32Type, words, 1), at(i32Type, words2, 1)), [5]);
    const f = (valuesOf(floats) as number[]).map((x) => Math.fround(x + Math.fround(x * x)));
    const x = at(vector("f32", 4), floats);
    await expectValue(dot(x, x, x), f);
    await expectValue(dot(at(f32Type, floats, 2), at(f32Type, floats, 2), at(f32Type, floats, 2)), [f[2]!]);
  });
});

test("widen extends the sign of each half", async () => {
  const cases = [
    [bytes, i8x16],
    [shorts, i16x8],
    [words, i32x4],
  ] as const;
  for (const [buffer, type] of cases) {
    const values = valuesOf(buffer);
    const half = values.length / 2;
    const wide = (part: (number | bigint)[]): (number | bigint)[] =>
      buffer === words ? part.map((value) => BigInt(value)) : part;
    await expectValue(widen(0, at(type, buffer)), wide(values.slice(0, half)));
    await expectValue(widen(1, at(type, buffer)), wide(values.slice(half)));
  }
});

test("narrow joins and saturates", async () => {
  await expectValue(narrow(at(i16x8, shorts), at(i16x8, shorts2)), [
    ...[-128, -128, 127, -1, 127, 127, -128, -128],
    ...[-128, -128, 7, 9, 127, 2, 3, 4],
  ]);
  await expectValue(narrow(at(i32x4, words), at(i32x4, words2)), [
    ...[32_767, -32_768, 32_767, -32_768],
    ...[5, -6, 32_767, -32_768],
  ]);
  await expectValue(narrow(at(i64x2, longs), at(i64x2, longs2)), [2 ** 31 - 1, -(2 ** 31), -5, 2 ** 31 - 1]);
});

test("unsigned lanes: narrow, addsatu and shru", async () => {
  await expectValue(narrowUnsigned(at(i32x4, words), at(i32x4, words2)), [
    ...[-1, 0, -32_768, 0],
    ...[5, 0, 32_767, 0],
  ]);
  await expectValue(narrowUnsigned(at(i16x8, shorts), at(i16x8, shorts2)), [
    ...[0, 0, -1, 0, 127, -128, 0, 0],
    ...[0, 0, 7, 9, -1, 2, 3, 4],
  ]);
  await expectValue(
    addsatu(at(i16x8, shorts), at(i16x8, shorts2)),
    [-1, -1, 307, -1, -32_642, 130, -125, -125],
  );
  await expectValue(addsatu(at(i8x16, bytes), at(i8x16, others)), [
    ...[-1, -1, 4, -2, 8, -2, 12, -2],
    ...[16, -2, 20, -2, 24, -2, -1, -1],
  ]);
  const shifted = (buffer: (typeof all)[number], bits: number): (number | bigint)[] =>
    valuesOf(buffer)
      .map((x) => BigInt.asIntN(bits, BigInt.asUintN(bits, BigInt(x)) >> 3n))
      .map((x) => (bits === 64 ? x : Number(x)));
  for (const [type, buffer, bits] of [
    [i8x16, bytes, 8],
    [i16x8, shorts, 16],
    [i32x4, words, 32],
    [i64x2, longs, 64],
  ] as const)
    await expectValue(shru(at(type, buffer), i32(3)), shifted(buffer, bits));
});

test("zip interleaves the halves", async () => {
  const check = async (
    type: typeof i8x16,
    a: (typeof all)[number],
    b: (typeof all)[number],
  ): Promise<void> => {
    const [left, right] = [valuesOf(a), valuesOf(b)];
    const pairs = left.flatMap((value, i) => [value, right[i]!]);
    await expectValue(zip(0, at(type, a), at(type, b)), pairs.slice(0, type.lanes));
    await expectValue(zip(1, at(type, a), at(type, b)), pairs.slice(type.lanes));
  };
  await check(i8x16, bytes, others);
  await check(i16x8, shorts, shorts2);
  await check(i32x4, words, words2);
  await check(i64x2, longs, longs2);
});

test("build, extract and splat", async () => {
  const laneTypes: readonly (readonly [LaneElement, number, (typeof all)[number]])[] = [
    ["i8", 16, bytes],
    ["i16", 8, shorts],
    ["i32", 4, words],
    ["i64", 2, longs],
    ["f32", 4, floats],
  ];
  for (const [element, lanes, buffer] of laneTypes) {
    const type = vector(element, lanes);
    const values = valuesOf(buffer);
    const parts = values.map((_, lane) => extract(lane, at(type, buffer)));
    await expectValue(build(type, parts.toReversed()), values.toReversed());
    await expectValue(
      splat(type, parts[1]!),
      values.map(() => values[1]!),
    );
    expect(await evaluate(all, parts)).toEqual(values.map((value) => [value]));
  }
  const doubles = build(vector("f64", 2), [
    { kind: "convert", type: f64Type, operand: at(i64Type, longs) },
    { kind: "convert", type: f64Type, operand: at(i32Type, words) },
  ]);
  await expectValue(doubles, [2 ** 40, 2 ** 31 - 1]);
});

test("registers keep their values across statements, temporaries do not leak", async () => {
  const r = register("r", i32x4);
  const s = register("s", i32Type);
  const out = scratchBuffer("out", "i32", 6);
  const clamped = (value: LoopExpression): LoopExpression =>
    select(compare("lt", value, i32(0)), i32(0), value);
  const body = [
    set(r, at(i32x4, words2)),
    set(s, extract(1, read(r))),
    put(out, read(r)),
    put(out, clamped(read(s)), 4),
    set(s, clamped(extract(2, read(r)))),
    put(out, read(s), 5),
  ];
  const { read: readBack } = await run(program([words2, out], body));
  expect(readBack(out)).toEqual([5, -6, 32_767, -32_768, 0, 32_767]);
});
