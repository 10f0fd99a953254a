/** The module around the instructions: sections, exports, memory, loops, the same bytes every time. */
import { describe, expect, test } from "vitest";
import { emitWasm } from "../../../backends/wasm/emit.ts";
import { layoutMemory, wasmLayout } from "../../../backends/wasm/layout.ts";
import { instantiateWasm } from "../../../backends/wasm/web-assembly.ts";
import {
  add,
  fence,
  comment,
  i32,
  load,
  loop,
  loopAffine,
  read,
  register,
  set,
  store,
} from "../../../src/loops/build.ts";
import type { Buffer, LoopExpression, Register, Statement } from "../../../src/loops/loop.ts";
import { i32Type, vector } from "../../../src/loops/loop.ts";
import { at, constantBuffer, program, put, run, scratchBuffer } from "./harness.ts";

const at1 = (
  buffer: Buffer,
  variable: Register,
  constant = 0,
): ReturnType<typeof loopAffine> extends infer I ? { buffer: Buffer; index: I } : never => ({
  buffer,
  index: loopAffine(constant, [{ register: variable, factor: 1 }]),
});

describe("layout", () => {
  const three = constantBuffer("three", "i8", [1, 2, 3], 14);
  const words = constantBuffer("words", "i32", [0x01020304, -1]);
  const scratch = scratchBuffer("scratch", "i16", 10);
  const layout = layoutMemory(program([scratch, three, words], []));

  test("constants at the bottom in order, slack zero, then the arena", () => {
    expect(layout.addresses.get(three)).toBe(16);
    expect(layout.addresses.get(words)).toBe(48);
    expect(layout.addresses.get(scratch)).toBe(64);
    expect(layout.dataAddress).toBe(16);
    expect(Array.from(layout.data)).toEqual([
      1,
      2,
      3,
      ...new Array<number>(29).fill(0),
      4,
      3,
      2,
      1,
      255,
      255,
      255,
      255,
    ]);
    expect(layout.arenaAddress).toBe(64);
    expect(layout.sizeBytes).toBe(64 + 32);
    expect(wasmLayout(program([scratch, three, words], []))).toEqual(layout.addresses);
  });

  test("a buffer without a place, or without its data, is refused", () => {
    const homeless = { ...program([], []), buffers: [scratch] };
    expect(() => wasmLayout(homeless)).toThrow(/internal: wasm: buffer 'scratch' has no place/);
    const short = { ...three, data: new Int8Array(2) };
    expect(() => layoutMemory(program([short], []))).toThrow(/lacks 3 elements of i8/);
  });
});

test("a network beyond 2 GiB gets a diagnostic", () => {
  const huge = scratchBuffer("huge", "i32", 2 ** 29);
  expect(() => wasmLayout(program([huge], []))).toThrow(/needs \d+ bytes of memory in WebAssembly/);
});

describe("module", () => {
  const data = constantBuffer("data", "i32", [1, 2, 3, 4]);
  const out = scratchBuffer("out", "i32", 4);
  const copy = put(out, at(vector("i32", 4), data));
  const double = put(out, add(at(vector("i32", 4), out), at(vector("i32", 4), out)));

  const sections = (bytes: Uint8Array): number[] => {
    const ids: number[] = [];
    for (let place = 8; place < bytes.length;) {
      ids.push(bytes[place++]!);
      let size = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[place++]!;
        size |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      place += size;
    }
    return ids;
  };

  test("has types, functions, memory, exports, code and data and nothing else", async () => {
    expect(sections(await emitWasm(program([data, out], [copy])))).toEqual([1, 3, 5, 7, 10, 11]);
    expect(sections(await emitWasm(program([out], [put(out, i32(1))])))).toEqual([1, 3, 5, 7, 10]);
  });

  test("the same program gives the same bytes", async () => {
    for (const optimize of [false, true]) {
      const make = () => program([data, out], [copy], [double]);
      const options = { exportProcedures: true, optimize };
      expect(await emitWasm(make(), options)).toEqual(await emitWasm(make(), options));
    }
  });

  test("run calls the procedures in order, p0 and p1 one each", async () => {
    const both = program([data, out], [copy], [double]);
    expect((await run(both)).read(out)).toEqual([2, 4, 6, 8]);
    const bare = await instantiateWasm(await emitWasm(both));
    expect(bare.procedures).toHaveLength(0);
    const { memory, procedures } = await instantiateWasm(await emitWasm(both, { exportProcedures: true }));
    const place = wasmLayout(both).get(out)!;
    procedures[0]!();
    expect(memory[place + 4]).toBe(2);
    procedures[1]!();
    expect(memory[place + 4]).toBe(4);
  });

  test("memory has the size that is needed, or asked for", async () => {
    const big = scratchBuffer("big", "i8", 65_536);
    const sizeOf = async (options?: { pages: number }): Promise<number> =>
      (await instantiateWasm(await emitWasm(program([big], []), options))).memory.length;
    expect(await sizeOf()).toBe(2 * 65_536);
    expect(await sizeOf({ pages: 5 })).toBe(5 * 65_536);
    await expect(sizeOf({ pages: 1 })).rejects.toThrow(/internal: wasm: 1 pages for 65552 bytes/);
  });

  test("an inexpressible statement names its procedure", async () => {
    const wrong: Statement = { kind: "set", register: register("r"), value: at(vector("i32", 4), data) };
    await expect(emitWasm(program([data, out], [copy], [wrong]))).rejects.toThrow(
      /'r' is set to a value of another type \(in procedure 'kernel1'\)/,
    );
  });
});

describe("loops", () => {
  /** Which values a loop takes, read off the marks it leaves. */
  const visited = async (
    from: LoopExpression,
    to: LoopExpression,
    step: number,
    before: Statement[] = [],
  ) => {
    const variable = register("v");
    const marks = scratchBuffer("marks", "i32", 32);
    const mark = store(at1(marks, variable, 16), add(load(i32Type, at1(marks, variable, 16)), i32(1)));
    const ten = constantBuffer("ten", "i32", [10]);
    const body = [...before, loop(variable, from, to, step, [comment("marks"), mark, fence(variable)])];
    const result = (await run(program([ten, marks], body))).read(marks);
    return result.flatMap((count, place) => new Array<number>(Number(count)).fill(place - 16));
  };
  const n = register("n");
  const unknown = (value: number): [LoopExpression, Statement[]] => [read(n), [set(n, i32(value))]];

  test("constant bounds: none, one, several iterations, ragged steps", async () => {
    expect(await visited(i32(3), i32(3), 1)).toEqual([]);
    expect(await visited(i32(5), i32(-5), 1)).toEqual([]);
    expect(await visited(i32(3), i32(4), 1)).toEqual([3]);
    expect(await visited(i32(3), i32(6), 4)).toEqual([3]);
    expect(await visited(i32(-2), i32(3), 1)).toEqual([-2, -1, 0, 1, 2]);
    expect(await visited(i32(0), i32(10), 4)).toEqual([0, 4, 8]);
    expect(await visited(i32(0), i32(8), 4)).toEqual([0, 4]);
  });

  test("bounds known only at run time are guarded", async () => {
    for (const [end, expected] of [
      [-3, []],
      [0, []],
      [1, [0]],
      [3, [0, 1, 2]],
    ] as const) {
      const [to, before] = unknown(end);
      expect(await visited(i32(0), to, 1, before)).toEqual(expected);
    }
    const [from, before] = unknown(7);
    expect(await visited(from, i32(10), 2, before)).toEqual([7, 9]);
    expect(await visited(from, i32(7), 2, before)).toEqual([]);
  });

  test("a bound that the body changes is evaluated once", async () => {
    const variable = register("v");
    const marks = scratchBuffer("marks", "i32", 8);
    const body = [
      set(n, i32(3)),
      loop(variable, 0, read(n), 1, [set(n, i32(1)), store(at1(marks, variable), i32(1))]),
    ];
    expect((await run(program([marks], body))).read(marks)).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
  });

  test("nested loops, the inner one from the outer variable", async () => {
    const [outer, inner] = [register("outer"), register("inner")];
    const marks = scratchBuffer("marks", "i32", 16);
    const index = loopAffine(0, [
      { register: outer, factor: 4 },
      { register: inner, factor: 1 },
    ]);
    const body = [
      loop(outer, 0, 4, 1, [loop(inner, read(outer), 4, 1, [store({ buffer: marks, index }, i32(1))])]),
    ];
    expect((await run(program([marks], body))).read(marks)).toEqual([
      1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1,
    ]);
  });
});
