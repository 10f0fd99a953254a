import { describe, expect, test } from "vitest";
import {
  elementBits,
  elementRange,
  elementSizeBytes,
  elementTypes,
  holdsInteger,
  isBigInteger,
  isElementType,
  isFloat,
  isInteger,
  isNarrow,
  isOdd,
  isSigned,
  narrowElementTypes,
  wholeElementTypes,
} from "../../src/tensor/element-type.ts";
import {
  allocate,
  elementCount,
  findForeignInteger,
  numbersOf,
  saturatedNumbersOf,
  stridesOf,
  tensor,
} from "../../src/tensor/tensor.ts";

describe("element types", () => {
  test.each(elementTypes)("%s: its array has its size", (element) => {
    const array = allocate(element, 3);
    expect(array.byteLength).toBe(3 * elementSizeBytes(element));
    expect(isElementType(element)).toBe(true);
  });

  test.each(
    wholeElementTypes.filter((element) => element !== "bool" && !isFloat(element) && !isBigInteger(element)),
  )("%s: its array holds its range and no more", (element) => {
    const { min, max } = elementRange(element);
    const array = allocate(element, 4);
    array.set([min, max, min - 1, max + 1] as never);
    expect([...array]).toEqual([min, max, max, min]);
  });

  test("the predicates", () => {
    expect(wholeElementTypes.filter((e) => isNarrow(e))).toEqual([]);
    expect(narrowElementTypes.every((e) => isNarrow(e) && isSigned(e) && isInteger(e))).toBe(true);
    expect(narrowElementTypes.filter(isOdd)).toEqual(["odd2", "odd3", "odd4", "odd5", "odd6", "odd7"]);
    expect(elementTypes.filter(isFloat)).toEqual(["f32", "f64"]);
    expect(elementTypes.filter((e) => !isInteger(e))).toEqual(["f32", "f64", "bool"]);
    expect(wholeElementTypes.filter(isSigned)).toEqual(["f32", "f64", "i8", "i16", "i32", "i64"]);
    expect(elementTypes.filter(isBigInteger)).toEqual(["i64", "u64"]);
    expect(isElementType("f16")).toBe(false);
    expect(elementRange("bool")).toEqual({ min: 0, max: 1 });
    expect(() => elementRange("i64")).toThrow("internal");
    expect(() => elementRange("f32")).toThrow("internal");
  });
});

describe("narrow integers", () => {
  test.each(narrowElementTypes)("%s: as many as its bits tell apart, all in a byte", (element) => {
    const bytes = Array.from({ length: 256 }, (_, i) => i - 128);
    const held = bytes.filter((x) => holdsInteger(element, x));
    const { min, max } = elementRange(element);
    expect(held).toHaveLength(2 ** elementBits(element));
    expect([held[0], held.at(-1)]).toEqual([min, max]);
    expect(tensor(element, [held.length], held).data).toEqual(Int8Array.from(held));
    for (const x of bytes.filter((b) => !held.includes(b))) {
      expect(() => tensor(element, [1], [x])).toThrow("internal");
      expect(() => tensor(element, [1], Int8Array.of(x))).toThrow("internal");
      expect(findForeignInteger({ element, shape: [3], data: Int8Array.of(max, x, min) })).toBe(1);
    }
  });

  test("of whole bytes none is foreign", () => {
    expect(findForeignInteger(tensor("i8", [2], [-128, 127]))).toBe(-1);
    expect(findForeignInteger(tensor("f32", [1], [0.5]))).toBe(-1);
  });
});

describe("shapes", () => {
  test("counts and strides", () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([2, 3, 4])).toBe(24);
    expect(elementCount([5, 0])).toBe(0);
    expect(stridesOf([])).toEqual([]);
    expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
    expect(stridesOf([7])).toEqual([1]);
  });
});

describe("tensor", () => {
  test("is zero-filled without data", () => {
    expect(tensor("i16", [2, 2])).toEqual({ shape: [2, 2], element: "i16", data: new Int16Array(4) });
    expect(tensor("i64", []).data).toEqual(new BigInt64Array(1));
  });

  test("keeps an array of its own kind and converts others", () => {
    const own = new Float32Array([1, 2]);
    expect(tensor("f32", [2], own).data).toBe(own);
    expect(tensor("f32", [2], [0.1, 2]).data).toEqual(new Float32Array([0.1, 2]));
    expect(tensor("f32", [1], new Float64Array([0.1])).data).toEqual(new Float32Array([0.1]));
    expect(tensor("i64", [2], [1, -2]).data).toEqual(new BigInt64Array([1n, -2n]));
    expect(tensor("u64", [1], [2n ** 64n - 1n]).data).toEqual(new BigUint64Array([2n ** 64n - 1n]));
    expect(tensor("i32", [2], new BigInt64Array([5n, -6n])).data).toEqual(new Int32Array([5, -6]));
  });

  test("stores bools as 0 and 1", () => {
    expect(tensor("bool", [3], [0, 7, -1]).data).toEqual(new Uint8Array([0, 1, 1]));
    expect(tensor("bool", [2], new Uint8Array([2, 0])).data).toEqual(new Uint8Array([1, 0]));
    const own = new Uint8Array([1, 0]);
    expect(tensor("bool", [2], own).data).toBe(own);
  });

  test.each([
    ["too few", () => tensor("f32", [3], [1, 2])],
    ["too many", () => tensor("f32", [], [1, 2])],
    ["too large", () => tensor("i8", [1], [128])],
    ["too small", () => tensor("u8", [1], [-1])],
    ["not whole", () => tensor("i32", [1], [0.5])],
    ["not whole, 64 bits", () => tensor("i64", [1], [0.5])],
    ["beyond 64 bits", () => tensor("i64", [1], [2n ** 63n])],
    ["NaN", () => tensor("i32", [1], [NaN])],
    ["a negative size", () => tensor("i32", [-1, -1], [1])],
    ["a fractional size", () => tensor("i32", [0.5, 2], [1])],
  ])("refuses what is %s", (_, make) => {
    expect(make).toThrow("internal");
  });
});

describe("numbersOf", () => {
  test("is the array itself, or the numbers of a 64-bit one", () => {
    const t = tensor("i8", [2], [1, -2]);
    expect(numbersOf(t)).toBe(t.data);
    expect(numbersOf(tensor("i64", [2], [1, -2]))).toEqual(new Float64Array([1, -2]));
  });

  test("refuses to round, unless asked to saturate", () => {
    const ends = tensor("i64", [3], [2n ** 63n - 1n, -(2n ** 63n), 4n]);
    const limit = Number.MAX_SAFE_INTEGER;
    expect(() => numbersOf(ends)).toThrow("internal");
    expect(saturatedNumbersOf(ends)).toEqual(new Float64Array([limit, -limit, 4]));
    expect(numbersOf(tensor("u64", [1], [BigInt(limit)]))).toEqual(new Float64Array([limit]));
  });
});
