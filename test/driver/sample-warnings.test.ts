/** Samples that are probably not what was meant. */
import { describe, expect, test } from "vitest";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { calibrationWarnings, unmappedSamples } from "../../src/driver/sample-warnings.ts";
import { openSamples } from "../../src/driver/samples.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";
import { tensor } from "../../src/tensor/tensor.ts";

const port = (element: ElementType) => ({ name: "x", type: { element, shape: [1, 2] } });

describe("integers that nothing maps", () => {
  const warned = (samples: ElementType, input: ElementType, mapping = {}): readonly string[] => {
    const data = tensor(samples, [2, 2]);
    return unmappedSamples([npyFromTensor(data)], [port(input)], mapping).map(({ message }) => message);
  };
  test.each(["i8", "i16", "i32", "i64", "bool"] as const)("%s for floats", (element) => {
    expect(warned(element, "f32")).toHaveLength(1);
    expect(warned(element, "f32", { scale: 2 })).toEqual([]);
  });
  test.each([
    ["u8", "f32"],
    ["f32", "f32"],
    ["i64", "i64"],
    ["i32", "i64"],
  ] as const)("%s for %s is meant so", (samples, input) => {
    expect(warned(samples, input)).toEqual([]);
  });
});

describe("samples to calibrate with", () => {
  const codes = (count: number, numbers: readonly number[]): readonly string[] => {
    const data = tensor(
      "f32",
      [count, 2],
      Float32Array.from({ length: 2 * count }, (_, i) => numbers[i % numbers.length]!),
    );
    return calibrationWarnings(openSamples([npyFromTensor(data)], [port("f32")])).map(({ code }) => code);
  };
  test("few, all the same, neither", () => {
    expect(codes(4, [1, 2])).toEqual(["few-samples"]);
    expect(codes(5, [3])).toEqual(["constant-samples"]);
    expect(codes(1, [0])).toEqual(["few-samples", "constant-samples"]);
    expect(codes(5, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1])).toEqual([]);
  });
});
