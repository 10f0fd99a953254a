import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { npyPrefixBytes, parseNpy, parseNpyHeader, writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { anyTensor, codesOf, contentsOf } from "./fixtures.ts";

/** A file as numpy lays it out: the header padded so that the data begins at a multiple of 64. */
function npy(dictionary: string, data: ArrayLike<number> = [], major = 1, minor = 0): Uint8Array {
  const lengthBytes = major === 1 ? 2 : 4;
  const text = new TextEncoder().encode(dictionary);
  const total = Math.ceil((8 + lengthBytes + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(total + data.length).fill(0x20, 0, total);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), major, minor]);
  const view = new DataView(bytes.buffer);
  if (major === 1) view.setUint16(8, total - 10, true);
  else view.setUint32(8, total - 12, true);
  bytes.set(text, 8 + lengthBytes);
  bytes[total - 1] = 0x0a;
  bytes.set(data, total);
  return bytes;
}

function header(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
}

const floats = (values: readonly number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

describe("parseNpy", () => {
  test.each([1, 2, 3])("version %i", (major) => {
    const t = parseNpy(npy(header("<f4", "(2, 3)"), floats([1, 2, 3, 4, 5, 6]), major), "x.npy");
    expect(t).toEqual({ element: "f32", shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) });
  });

  test.each([
    ["<f8", "f64", 8],
    ["|i1", "i8", 1],
    ["|u1", "u8", 1],
    ["<i2", "i16", 2],
    ["<u2", "u16", 2],
    ["<i4", "i32", 4],
    ["<u4", "u32", 4],
    ["<i8", "i64", 8],
    ["<u8", "u64", 8],
    ["|b1", "bool", 1],
    [">u1", "u8", 1],
    ["=f4", "f32", 4],
  ] as const)("the type %s is %s", (descr, element, sizeBytes) => {
    const t = parseNpy(
      npy(header(descr, "(2,)"), [1, ...new Array<number>(2 * sizeBytes - 1).fill(0)]),
      "x.npy",
    );
    expect(t.element).toBe(element);
    expect(t.data.byteLength).toBe(2 * sizeBytes);
    expect(new Uint8Array(t.data.buffer)[0]).toBe(1);
  });

  test("scalars, empty tensors, keys in another order, Python 2's long sizes, no last comma", () => {
    expect(parseNpy(npy(header("|i1", "()"), [5]), "x").shape).toEqual([]);
    expect(parseNpy(npy(header("<f8", "(0, 7)")), "x").shape).toEqual([0, 7]);
    expect(
      parseNpy(npy("{'shape': (2L, 1L), 'fortran_order': False, 'descr': '|i1'}", [5, 6]), "x").shape,
    ).toEqual([2, 1]);
    expect(parseNpy(npy(header("|i1", "(2,)", "True"), [5, 6]), "x").shape).toEqual([2]);
  });

  test("the tensor owns aligned memory, whatever the offset of the file's bytes", () => {
    const file = npy(header("<f4", "(2,)"), floats([1.5, -2]));
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    const t = parseNpy(shifted.subarray(3), "x.npy");
    shifted.fill(0);
    expect(t.data).toEqual(new Float32Array([1.5, -2]));
  });

  const good = npy(header("<f4", "(2,)"), floats([1, 2]));
  test.each([
    ["nothing at all", new Uint8Array(0), "npy-magic"],
    ["a zip", new Uint8Array([0x50, 0x4b, 3, 4, 0, 0, 0, 0, 0, 0]), "npy-magic"],
    ["version 4", npy(header("<f4", "(2,)"), [], 4), "npy-version"],
    ["version 0", npy(header("<f4", "(2,)"), [], 0), "npy-version"],
    ["cut in the version", good.subarray(0, 7), "npy-truncated"],
    ["cut in the length", good.subarray(0, 9), "npy-truncated"],
    ["cut in the header", good.subarray(0, 40), "npy-truncated"],
    ["cut in the elements", good.subarray(0, good.length - 1), "npy-truncated"],
    ["more than the elements", npy(header("<f4", "(1,)"), floats([1, 2])), "npy-trailing"],
    ["float16", npy(header("<f2", "(1,)"), [0, 0]), "npy-type"],
    ["complex", npy(header("<c8", "(1,)")), "npy-type"],
    ["strings", npy(header("<U3", "(1,)")), "npy-type"],
    ["objects", npy(header("|O", "(1,)")), "npy-type"],
    ["records", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), "npy-type"],
    ["big-endian", npy(header(">f4", "(1,)"), [0, 0, 0, 0]), "npy-endian"],
    ["Fortran order", npy(header("<f4", "(2, 1)", "True"), floats([1, 2])), "npy-order"],
    ["a negative size", npy(header("<f4", "(-1,)")), "npy-shape"],
    ["a size beyond 2^53", npy(header("<f4", "(99999999999999999999,)")), "npy-shape"],
    ["sizes whose product is huge", npy(header("<f4", "(4000000, 4000000)")), "npy-shape"],
    [
      "sizes whose product overflows",
      npy(header("<f4", `(${"9007199254740991, ".repeat(30)})`)),
      "npy-shape",
    ],
    ["a size that is missing", npy(header("<f4", "(1,,2)")), "npy-shape"],
    ["too many axes", npy(header("<f4", `(${"1, ".repeat(40)})`)), "npy-shape"],
    ["a list as shape", npy(header("<f4", "[1]")), "npy-header"],
    ["a bool that is none", npy(header("|b1", "(2,)"), [1, 2]), "npy-bool"],
    ["no dictionary", npy("hello"), "npy-header"],
    ["an empty dictionary", npy("{}"), "npy-header"],
    ["a missing key", npy("{'descr': '<f4', 'shape': (1,), }"), "npy-header"],
    ["a key twice", npy("{'descr': '<f4', 'descr': '<f4', }"), "npy-header"],
    ["an unknown key", npy(`${header("<f4", "(1,)").slice(0, -1)} 'more': True}`), "npy-header"],
    ["text behind the dictionary", npy(`${header("<f4", "(1,)")} x`), "npy-header"],
    [
      "values of the wrong kind",
      npy("{'descr': True, 'fortran_order': '<f4', 'shape': (1,), }"),
      "npy-header",
    ],
    ["an endless dictionary", npy("{'descr': '<f4', "), "npy-header"],
  ])("refuses %s", (_, bytes, code) => {
    expect(codesOf(() => parseNpy(bytes, "x.npy"))).toEqual([code]);
  });

  test("a header of 4 GB is refused by its length alone", () => {
    const bytes = npy(header("<f4", "(1,)"), floats([1]), 2);
    new DataView(bytes.buffer).setUint32(8, 0xffffffff, true);
    expect(codesOf(() => parseNpy(bytes, "x.npy"))).toEqual(["npy-header"]);
  });

  test("every change of one byte gives a tensor or a diagnostic", () => {
    for (let i = 0; i < good.length; i++) {
      for (const value of [0, 1, 0x27, 0x28, 0x39, 0x7b, 0xff]) {
        const bytes = good.slice();
        bytes[i] = value;
        codesOf(() => parseNpy(bytes, "x.npy"));
      }
    }
  });
});

describe("parseNpyHeader", () => {
  test("needs the prefix only", () => {
    const prefix = npy(header("<i2", "(1000000, 3)"));
    expect(prefix.length).toBeLessThan(npyPrefixBytes);
    expect(parseNpyHeader(prefix, "x.npy")).toEqual({
      element: "i16",
      shape: [1000000, 3],
      dataOffsetBytes: prefix.length,
      dataSizeBytes: 6000000,
    });
  });
});

describe("writeNpy", () => {
  test("writes what numpy.save writes", () => {
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const bytes = writeNpy(tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]));
    expect(bytes).toEqual(npy(`${text}${" ".repeat(58)}`, floats([1, 2, 3, 4, 5, 6])));
    expect(new TextDecoder().decode(writeNpy(tensor("i8", [5])).subarray(10, 70))).toContain("'|i1'");
    expect(new TextDecoder().decode(writeNpy(tensor("i8", [5])).subarray(10, 70))).toContain("(5,)");
    expect(new TextDecoder().decode(writeNpy(tensor("i8", [])).subarray(10, 70))).toContain("()");
  });

  test("is read back, and its data begins at a multiple of 64", () => {
    fc.assert(
      fc.property(anyTensor, (t) => {
        const bytes = writeNpy(t);
        expect((bytes.length - t.data.byteLength) % 64).toBe(0);
        expect(contentsOf(parseNpy(bytes, "x.npy"))).toEqual(contentsOf(t));
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
