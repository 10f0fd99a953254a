import { describe, expect, test } from "vitest";
import { npyFromBytes, type NpyFile } from "../../src/driver/npy-file.ts";
import { openSamples, type InputMapping } from "../../src/driver/samples.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";

const fileOf = (element: ElementType, shape: readonly number[], data: readonly number[]): NpyFile =>
  npyFromBytes(writeNpy(tensor(element, shape, data)), "x.npy");
const port = (...shape: number[]) => [{ name: "in", type: { shape } }];
const numbers = (files: NpyFile[], shape: number[], mapping: InputMapping = {}): number[][] =>
  [...openSamples(files, port(...shape), { mapping }).batches()].map(([sample]) =>
    Array.from(sample!.data, Number),
  );

describe("mapping", () => {
  test("integers without a mapping are plain numbers, and the input's quantization", () => {
    const files = [fileOf("u8", [2, 2], [0, 255, 7, 8])];
    expect(numbers(files, [1, 2])).toEqual([
      [0, 255],
      [7, 8],
    ]);
    expect(openSamples(files, port(1, 2)).quantization.get("in")).toEqual({
      element: "u8",
      scale: 1,
      zero: 0,
    });
  });
  test("(x - zero) * scale in double, rounded to f32 once", () => {
    const scale = 0.5847029089927673;
    expect(numbers([fileOf("i8", [1, 2], [-128, 83])], [1, 2], { scale, zero: 83 })).toEqual([
      [Math.fround(-211 * scale), 0],
    ]);
  });
  test("mean and deviation by channel, in both layouts", () => {
    const mapping = { mean: [1, 2], std: [1, 10] };
    const data = [11, 12, 22, 32];
    expect(numbers([fileOf("f32", [1, 2, 1, 2], data)], [1, 2, 1, 2], mapping)).toEqual([[10, 11, 2, 3]]);
    expect(numbers([fileOf("f32", [1, 1, 2, 2], data)], [1, 1, 2, 2], mapping)).toEqual([[10, 1, 21, 3]]);
  });
  test("one mean and deviation become part of the quantization", () => {
    const samples = openSamples([fileOf("u8", [1, 2], [0, 2])], port(1, 2), {
      mapping: { mean: [10], std: [0.5] },
    });
    expect(samples.quantization.get("in")).toEqual({ element: "u8", scale: 2, zero: 10 });
    expect([...samples.batches()][0]![0]!.data).toEqual(Float32Array.of(-20, -16));
  });
  test("a map by channel is no quantization", () => {
    const mapping = { mean: [1, 2] };
    expect(openSamples([fileOf("u8", [1, 2], [0, 2])], port(1, 2), { mapping }).quantization.size).toBe(0);
  });
  test.each([
    [{ scale: 0 }, "positive"],
    [{ scale: NaN }, "finite"],
    [{ std: [0] }, "not positive"],
    [{ mean: [1, 2, 3] }, "3 means"],
  ])("%j is refused", (mapping, message) => {
    expect(() => numbers([fileOf("f32", [1, 2], [0, 0])], [1, 2], mapping)).toThrow(message);
  });
});

describe("shapes", () => {
  const file = fileOf("f32", [3, 1, 2], [1, 2, 3, 4, 5, 6]);
  test.each([[[1, 2]], [[1, 1, 2]], [[2]]])("samples of [1, 2] fit %j", (shape) => {
    expect(numbers([file], shape)[2]).toEqual([5, 6]);
  });
  test("another shape: found and expected are named, and the cure", () => {
    expect(() => openSamples([file], port(1, 2, 1))).toThrow(
      "a sample is [1, 2], input %in expects [1, 2, 1]",
    );
    expect(() => openSamples([file], port(1, 3))).toThrow("expects [1, 3]");
    expect(() => openSamples([fileOf("u8", [2], [4, 5])], port(1, 3))).toThrow("a sample is a single number");
  });
  test("counts of files and of samples", () => {
    expect(() => openSamples([], port(1, 2))).toThrow("0 sample files for 1 inputs");
    expect(() => openSamples([fileOf("f32", [0, 2], [])], port(1, 2))).toThrow("no samples");
    const two = [...port(1, 2), ...port(2)];
    expect(() => openSamples([file, fileOf("f32", [2, 2], [0, 0, 0, 0])], two)).toThrow(
      "2 samples, but 'x.npy' has 3",
    );
  });
  test("a limit", () => {
    expect(openSamples([file], port(1, 2), { limit: 2 }).count).toBe(2);
    expect(() => openSamples([file], port(1, 2), { limit: 0 })).toThrow("the limit is 0 samples");
  });
});

test("a NaN is named with its sample and element", () => {
  const samples = openSamples([fileOf("f32", [2, 2], [1, 2, 3, NaN])], port(1, 2));
  expect(() => [...samples.batches()]).toThrow("element 1 of sample 1 is NaN");
});

test("samples are read one at a time, and again on the next pass", () => {
  const whole = fileOf(
    "f32",
    [50, 2],
    Array.from({ length: 100 }, (_, i) => i),
  );
  const reads: number[] = [];
  const watched: NpyFile = { ...whole, read: (at, size) => (reads.push(size), whole.read(at, size)) };
  const samples = openSamples([watched], port(1, 2));
  expect([...samples.batches()].length).toBe(50);
  expect([...samples.batches()][49]![0]!.data).toEqual(Float32Array.of(98, 99));
  expect(new Set(reads)).toEqual(new Set([8]));
  expect(reads.length).toBe(100);
});

test("a file shorter or longer than it says is refused at once", () => {
  const bytes = writeNpy(tensor("f32", [2, 2]));
  expect(() => npyFromBytes(bytes.subarray(0, -1), "x.npy")).toThrow("15 bytes of elements, expected 16");
  expect(() => npyFromBytes(Uint8Array.of(...bytes, 0), "x.npy")).toThrow("1 bytes after the elements");
});
