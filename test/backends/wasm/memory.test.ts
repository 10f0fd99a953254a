/** Loads, stores and addresses: every pair of lane and memory element, splats, lane stores, offsets that must not wrap. */
import { describe, expect, test } from "vitest";
import {
  add,
  build,
  extract,
  i32,
  load,
  loop,
  loopAffine,
  mul,
  read,
  register,
  set,
  store,
  sub,
} from "../../../src/loops/build.ts";
import type {
  Buffer,
  LaneElement,
  LoopExpression,
  MemoryElement,
  Register,
  Statement,
} from "../../../src/loops/loop.ts";
import { f32Type, f64Type, i32Type, i64Type, laneBytes, vector } from "../../../src/loops/loop.ts";
import { wasmLayout } from "../../../backends/wasm/layout.ts";
import { at, constantBuffer, evaluate, program, put, run, scratchBuffer } from "./harness.ts";

const memoryElements: readonly MemoryElement[] = ["i8", "u8", "i16", "u16", "i32", "u32", "i64"];
const integerLanes: readonly LaneElement[] = ["i8", "i16", "i32", "i64"];

/** Values with the top bit set and clear, at an odd place so that nothing relies on alignment. */
function samples(element: MemoryElement): Buffer {
  const size = BigInt(8 * laneBytes[element]);
  const values = Array.from({ length: 20 }, (_, i) => {
    const raw = 0x91e7_4d2b_865a_3cf1n * BigInt(2 * i + 1);
    return element.startsWith("u") ? BigInt.asUintN(Number(size), raw) : BigInt.asIntN(Number(size), raw);
  });
  return constantBuffer(`m_${element}`, element, values, 16);
}
const asLane = (lane: LaneElement, value: number | bigint): number | bigint => {
  const wrapped = BigInt.asIntN(8 * laneBytes[lane], BigInt(value));
  return lane === "i64" ? wrapped : Number(wrapped);
};
const valuesOf = (buffer: Buffer): (number | bigint)[] =>
  Array.from(buffer.data as Iterable<number | bigint>);

describe("loads extend", () => {
  for (const lane of integerLanes) {
    for (const element of memoryElements) {
      if (laneBytes[element] > laneBytes[lane]) continue;
      const buffer = samples(element);
      const lanes = 16 / laneBytes[lane];
      const expected = (start: number, pattern: number): (number | bigint)[] =>
        Array.from({ length: lanes }, (_, i) => asLane(lane, valuesOf(buffer)[start + (i % pattern)]!));

      test(`${element} to ${lane}x${lanes}`, async () => {
        expect(await evaluate([buffer], [at(vector(lane, lanes), buffer, 3)])).toEqual([expected(3, lanes)]);
      });
      test(`${element} to ${lane}x${lanes}, every splat`, async () => {
        for (let g = 1; g <= lanes; g *= 2) {
          const value = load(vector(lane, lanes), { buffer, index: loopAffine(3) }, g);
          expect(await evaluate([buffer], [value])).toEqual([expected(3, g)]);
        }
      });
      if (lane === "i32" || lane === "i64") {
        test(`${element} to a scalar ${lane}`, async () => {
          const value = at(vector(lane, 1), buffer, 5);
          expect(await evaluate([buffer], [value])).toEqual([[asLane(lane, valuesOf(buffer)[5]!)]]);
        });
      }
    }
  }

  test("floats only from their own kind", async () => {
    const floats = constantBuffer("floats", "f32", [0.1, -2.5, 1e30, 7]);
    expect(await evaluate([floats], [at(f32Type, floats, 1), at(vector("f32", 4), floats)])).toEqual([
      [-2.5],
      valuesOf(floats),
    ]);
    await expect(evaluate([floats], [at(f64Type, floats)])).rejects.toThrow(/load.f64 floats\[0\]/);
    await expect(evaluate([floats], [at(f32Type, floats)], "i32")).rejects.toThrow(/store to result0:i32 of/);
  });
});

describe("stores truncate, and write no byte more", () => {
  for (const lane of integerLanes) {
    const lanes = 16 / laneBytes[lane];
    const source = samples(lane);
    for (const element of memoryElements) {
      if (laneBytes[element] > laneBytes[lane]) continue;
      test(`${lane}x${lanes} to ${element}, every number of lanes`, async () => {
        for (let count = 1; count <= lanes; count++) {
          const out = scratchBuffer("out", element, lanes + 3);
          const fill = Array.from({ length: lanes + 3 }, (_, i) =>
            put(out, at(element === "i64" ? i64Type : i32Type, ones(element)), i),
          );
          const body = [...fill, put(out, at(vector(lane, lanes), source, 1), 1, count)];
          const { read: readBack } = await run(program([source, ones(element), out], body));
          const stored = valuesOf(source).slice(1, 1 + count);
          const expected = [1, ...stored, ...new Array<number>(lanes + 2 - count).fill(1)];
          const size = 8 * laneBytes[element];
          const fit = (value: number | bigint): bigint =>
            element.startsWith("u")
              ? BigInt.asUintN(size, BigInt(value))
              : BigInt.asIntN(size, BigInt(value));
          expect(readBack(out).map(BigInt)).toEqual(expected.map(fit));
        }
      });
    }
  }
  const cache = new Map<MemoryElement, Buffer>();
  function ones(element: MemoryElement): Buffer {
    const known = cache.get(element) ?? constantBuffer("one", element, [1]);
    cache.set(element, known);
    return known;
  }

  test("scalars", async () => {
    const longs = constantBuffer("longs", "i64", [0x1234_5678_9abc_def0n]);
    for (const [element, expected] of [
      ["i8", -16],
      ["u16", 0xdef0],
      ["i32", 0x9abcdef0 | 0],
      ["i64", 0x1234_5678_9abc_def0n],
    ] as const) {
      const value = at(i64Type, longs);
      expect(await evaluate([longs], [value], element)).toEqual([[expected]]);
    }
  });
});

describe("addresses", () => {
  const data = constantBuffer(
    "data",
    "i16",
    Array.from({ length: 64 }, (_, i) => 100 + i),
  );
  const inLoop = async (
    from: number,
    to: number,
    address: (variable: Register) => LoopExpression,
    setup: readonly Statement[] = [],
  ): Promise<(number | bigint)[]> => {
    const variable = register("v");
    const out = scratchBuffer("out", "i32", to - from);
    const target = { buffer: out, index: loopAffine(-from, [{ register: variable, factor: 1 }]) };
    const body = [...setup, loop(variable, from, to, 1, [store(target, address(variable))])];
    return (await run(program([data, out], body))).read(out);
  };
  const element = (constant: number, ...terms: { register: Register; factor: number }[]): LoopExpression =>
    load(i32Type, { buffer: data, index: loopAffine(constant, terms) });

  test("a negative register part with a large constant does not wrap", async () => {
    expect(await inLoop(-5, 0, (v) => element(20, { register: v, factor: 3 }))).toEqual([
      105, 108, 111, 114, 117,
    ]);
    expect(await inLoop(0, 4, (v) => element(20, { register: v, factor: -5 }))).toEqual([120, 115, 110, 105]);
  });

  test("negative constants, and factors that are no powers of two", async () => {
    expect(await inLoop(4, 8, (v) => element(-12, { register: v, factor: 3 }))).toEqual([100, 103, 106, 109]);
  });

  test("dynamic parts of either sign", async () => {
    const negative = (v: Register): LoopExpression => sub(i32(0), mul(read(v), i32(4)));
    const value = (v: Register): LoopExpression =>
      load(i32Type, {
        buffer: data,
        index: loopAffine(30, [{ register: v, factor: 1 }]),
        dynamic: negative(v),
      });
    expect(await inLoop(0, 3, value)).toEqual([130, 127, 124]);
    const look = (v: Register): LoopExpression =>
      load(i32Type, {
        buffer: data,
        index: loopAffine(1),
        dynamic: sub(element(0, { register: v, factor: 2 }), i32(100)),
      });
    expect(await inLoop(0, 3, look)).toEqual([101, 103, 105]);
  });

  test("a register set below zero before its loop's end is not taken for non-negative", async () => {
    const v = register("v");
    const out = scratchBuffer("out", "i32", 1);
    const address = { buffer: data, index: loopAffine(10, [{ register: v, factor: 1 }]) };
    const body = [
      loop(v, 0, 1, 1, [
        set(v, i32(-4)),
        store({ buffer: out, index: loopAffine(0) }, load(i32Type, address)),
      ]),
    ];
    expect((await run(program([data, out], body))).read(out)).toEqual([106]);
  });

  test("unit byte: pointers hold absolute addresses, constants and dynamic parts are added", async () => {
    const pointer = register("pointer");
    const out = scratchBuffer("out", "i32", 4);
    const addresses = wasmLayout(program([data, out], []));
    const index = loopAffine(6, [{ register: pointer, factor: 1 }]);
    const from = (dynamic?: LoopExpression): LoopExpression =>
      load(i32Type, { buffer: data, index, unit: "byte", ...(dynamic === undefined ? {} : { dynamic }) });
    const body = [
      set(pointer, i32(addresses.get(data)! + 20)),
      put(out, from()),
      put(out, from(i32(-12)), 1),
      set(pointer, add(read(pointer), i32(2))),
      put(out, from(), 2),
      put(out, load(i32Type, { buffer: data, index: loopAffine(addresses.get(data)! + 4), unit: "byte" }), 3),
    ];
    expect((await run(program([data, out], body))).read(out)).toEqual([113, 101, 114, 102]);
  });

  test("several lane stores at a computed address that they overwrite", async () => {
    const place = scratchBuffer("place", "i32", 4);
    const source = constantBuffer("source", "i32", [7, 8, 9, 10]);
    const four = at(vector("i32", 4), source);
    const target = { buffer: place, index: loopAffine(0), dynamic: at(i32Type, place) };
    const rebuilt = build(
      four.type,
      [0, 1, 2, 3].map((lane) => extract(lane, four)),
    );
    const { read: readBack } = await run(
      program([place, source], [put(place, i32(0)), store(target, rebuilt, 3)]),
    );
    expect(readBack(place)).toEqual([7, 8, 9, 0]);
  });
});
