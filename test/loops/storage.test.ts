import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Buffer, MemoryElement, TensorStorage } from "../../src/loops/loop.ts";
import { readTensor, writeTensor } from "../../src/loops/storage.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";
import { tensor } from "../../src/tensor/tensor.ts";

const storage = (
  element: ElementType,
  stored: MemoryElement,
  rest: Partial<TensorStorage> = {},
): TensorStorage => {
  const buffer: Buffer = {
    name: "buffer",
    element: stored,
    count: 24,
    slackBytes: 0,
    alignBytes: 16,
    role: "scratch",
  };
  return { tensor: "x", element, buffer, shape: [2, 3], strides: [3, 1], start: 0, bias: 0, ...rest };
};

describe("writeTensor and readTensor", () => {
  test.each<[ElementType, MemoryElement, readonly (number | bigint)[]]>([
    ["i8", "i8", [-128, 127, 0, 1, -1, 5]],
    ["u8", "u8", [255, 0, 1, 2, 3, 4]],
    ["i16", "i16", [-32768, 32767, 0, 1, -1, 5]],
    ["u16", "u16", [65535, 0, 1, 2, 3, 4]],
    ["i32", "i32", [-2147483648, 2147483647, 0, 1, -1, 5]],
    ["u32", "u32", [4294967295, 0, 1, 2, 3, 4]],
    ["i64", "i64", [-(2n ** 63n), 2n ** 63n - 1n, 0n, 1n, -1n, 5n]],
    ["u64", "i64", [2n ** 64n - 1n, 2n ** 63n, 0n, 1n, 2n, 5n]],
    ["f32", "f32", [NaN, -0, Infinity, 0.5, -1.5, Math.fround(0.1)]],
    ["f64", "f64", [NaN, -0, -Infinity, 0.1, 1e300, 5e-324]],
    ["bool", "u8", [0, 1, 1, 0, 1, 0]],
    ["i8", "i32", [-128, 127, 0, 1, -1, 5]],
  ])("%s kept as %s comes back, at an odd address", (element, stored, values) => {
    const memory = new Uint8Array(256).subarray(1);
    const x = tensor(element, [2, 3], values as readonly number[]);
    writeTensor(storage(element, stored), x, memory, 2);
    expect(readTensor(storage(element, stored), memory, 2)).toEqual(x);
  });
  test("strides, start and bias place and shift; nothing else is touched", () => {
    const memory = new Int16Array(24).fill(77);
    const place = storage("i8", "i16", { strides: [1, 8], start: 3, bias: -5 });
    writeTensor(place, tensor("i8", [2, 3], [1, 2, 3, 4, 5, 6]), memory.buffer);
    const expected = new Int16Array(24).fill(77);
    [6, 7, 8].forEach((value, column) => (expected[3 + 8 * column] = value));
    [9, 10, 11].forEach((value, column) => (expected[4 + 8 * column] = value));
    expect(memory).toEqual(expected);
    expect([...readTensor(place, memory.buffer).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });
  test("negative strides and any base round-trip", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -128, max: 127 }), { minLength: 6, maxLength: 6 }),
        fc.nat(9),
        (values, base) => {
          const place = storage("i8", "i8", { strides: [-3, -1], start: 6 });
          const memory = new ArrayBuffer(40);
          writeTensor(place, tensor("i8", [2, 3], values), memory, base);
          expect([...readTensor(place, memory, base).data]).toEqual(values);
          expect([...new Int8Array(memory, base + 1, 6)].reverse()).toEqual(values);
        },
      ),
    );
  });
  test("scalars have no axes", () => {
    const place = storage("f32", "f32", { shape: [], strides: [], start: 2 });
    const memory = new ArrayBuffer(16);
    writeTensor(place, tensor("f32", [], [1.5]), memory);
    expect(new Float32Array(memory)[2]).toBe(1.5);
  });
  test("what does not fit is refused", () => {
    const memory = new ArrayBuffer(256);
    const x = tensor("i8", [2, 3], [127, 0, 0, 0, 0, 0]);
    expect(() => {
      writeTensor(storage("i8", "i8", { bias: -1 }), x, memory);
    }).toThrow("internal: 128 of x does not fit its i8 buffer");
    expect(() => {
      writeTensor(storage("u8", "u8"), x, memory);
    }).toThrow("x is u8[2, 3], given i8[2, 3]");
    expect(() => {
      writeTensor(storage("i8", "i8", { start: 19 }), x, memory);
    }).toThrow("x lies outside its buffer");
    new Int16Array(memory)[0] = 300;
    expect(() => readTensor(storage("i8", "i16"), memory)).toThrow("300 does not fit i8");
  });
});
