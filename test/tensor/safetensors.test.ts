import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSafetensors, writeSafetensors } from "../../src/tensor/safetensors.ts";
import { elementSizeBytes } from "../../src/tensor/element-type.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { anyTensor, codesOf, contentsOf } from "./fixtures.ts";

/** A file made by hand. */
function file(header: unknown, dataBytes = 0, declaredBytes?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, declaredBytes ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: unknown, begin: number, end: number): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("parseSafetensors", () => {
  test("reads tensors, and passes over metadata", () => {
    const bytes = file({ __metadata__: { a: "b" }, x: entry("I8", [2], 0, 2), y: entry("F32", [], 2, 6) }, 6);
    bytes.set([1, 0xff], bytes.length - 6);
    const tensors = parseSafetensors(bytes, "x.safetensors");
    expect([...tensors]).toEqual([
      ["x", tensor("i8", [2], [1, -1])],
      ["y", tensor("f32", [])],
    ]);
  });

  test.each([
    ["nothing", new Uint8Array(0), "safetensors-truncated"],
    ["seven bytes", new Uint8Array(7), "safetensors-truncated"],
    ["a header beyond the file", file({}, 0, 3n), "safetensors-truncated"],
    ["a header of 2^64 - 1 bytes", file({}, 0, 2n ** 64n - 1n), "safetensors-header"],
    ["a header of 101 MB", file({}, 0, 101_000_000n), "safetensors-header"],
    ["no JSON", file("{nonsense"), "safetensors-header"],
    ["an array", file([]), "safetensors-header"],
    ["blanks before the header", file(" {}"), "safetensors-header"],
    ["nested brackets", file(`{"x":${"[".repeat(100000)}`), "safetensors-header"],
    ["no entry", file({ x: 5 }), "safetensors-entry"],
    ["no shape", file({ x: { dtype: "I8", data_offsets: [0, 0] } }), "safetensors-entry"],
    ["a negative size", file({ x: entry("I8", [-1], 0, 0) }), "safetensors-entry"],
    ["a negative offset", file({ x: entry("I8", [1], -1, 0) }), "safetensors-entry"],
    ["a fractional size", file({ x: entry("I8", [0.5], 0, 0) }), "safetensors-entry"],
    ["three offsets", file({ x: { dtype: "I8", shape: [1], data_offsets: [0, 1, 2] } }), "safetensors-entry"],
    ["half floats", file({ x: entry("F16", [1], 0, 2) }, 2), "safetensors-type"],
    ["a type in lower case", file({ x: entry("f32", [1], 0, 4) }, 4), "safetensors-type"],
    ["offsets that do not fit the shape", file({ x: entry("F32", [2], 0, 4) }, 4), "safetensors-size"],
    ["a reversed range", file({ x: entry("I8", [1], 1, 0) }, 1), "safetensors-size"],
    ["a huge shape", file({ x: entry("I8", [2 ** 40, 2 ** 40], 0, 0) }), "safetensors-size"],
    ["too many axes", file({ x: entry("I8", new Array(40).fill(1), 0, 1) }, 1), "safetensors-size"],
    ["an overlap", file({ x: entry("I8", [2], 0, 2), y: entry("I8", [2], 1, 3) }, 3), "safetensors-overlap"],
    [
      "the same bytes twice",
      file({ x: entry("I8", [2], 0, 2), y: entry("I8", [2], 0, 2) }, 2),
      "safetensors-overlap",
    ],
    ["a hole", file({ x: entry("I8", [1], 1, 2) }, 2), "safetensors-overlap"],
    ["a rest", file({ x: entry("I8", [1], 0, 1) }, 2), "safetensors-truncated"],
    ["too little data", file({ x: entry("I8", [2], 0, 2) }, 1), "safetensors-truncated"],
    [
      "a bool that is none",
      file(`{"x":${JSON.stringify(entry("BOOL", [1], 0, 1))}}`, 1).fill(2, -1),
      "safetensors-bool",
    ],
  ])("refuses %s", (_, bytes, code) => {
    expect(codesOf(() => parseSafetensors(bytes, "x.safetensors"))).toEqual([code]);
  });

  test("empty tensors may share an offset", () => {
    const bytes = file(
      { a: entry("I8", [0], 1, 1), b: entry("I8", [1], 0, 1), c: entry("F32", [0, 3], 1, 1) },
      1,
    );
    expect([...parseSafetensors(bytes, "x").keys()]).toEqual(["a", "b", "c"]);
  });
});

describe("writeSafetensors", () => {
  const name = fc.string({ maxLength: 6 }).filter((text) => text !== "__metadata__");
  const tensors = fc.uniqueArray(fc.tuple(name, anyTensor), { maxLength: 6, selector: ([key]) => key });

  test("is read back, and does not depend on the order of the map", () => {
    fc.assert(
      fc.property(tensors, (pairs) => {
        const bytes = writeSafetensors(new Map(pairs));
        expect(writeSafetensors(new Map(pairs.toReversed()))).toEqual(bytes);
        const back = parseSafetensors(bytes, "x.safetensors");
        expect(back.size).toBe(pairs.length);
        for (const [key, t] of pairs) expect(contentsOf(back.get(key)!)).toEqual(contentsOf(t));
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test("aligns the data and every tensor, and sorts the names, even those that look like integers", () => {
    const bytes = writeSafetensors(
      new Map([
        ["b", tensor("i8", [3])],
        ["10", tensor("f64", [2])],
        ["9", tensor("i16", [1])],
      ]),
      new Map([["format", "quern"]]),
    );
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerBytes % 8).toBe(0);
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes));
    expect(text.trimEnd()).toBe(
      `{"__metadata__":{"format":"quern"},` +
        `"10":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},` +
        `"9":{"dtype":"I16","shape":[1],"data_offsets":[16,18]},` +
        `"b":{"dtype":"I8","shape":[3],"data_offsets":[18,21]}}`,
    );
    expect(elementSizeBytes("i16")).toBe(2);
  });

  test("refuses the reserved name", () => {
    expect(() => writeSafetensors(new Map([["__metadata__", tensor("i8", [1])]]))).toThrow("internal");
  });
});
