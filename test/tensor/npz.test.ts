import { zipSync } from "fflate";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeNpy } from "../../src/tensor/npy.ts";
import { parseNpz, writeNpz } from "../../src/tensor/npz.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { anyTensor, codesOf, contentsOf } from "./fixtures.ts";

const ones = writeNpy(tensor("f32", [1000], new Float32Array(1000).fill(1)));

describe("parseNpz", () => {
  test.each([0, 9] as const)("compressed at level %i", (level) => {
    const bytes = zipSync(
      { "x.npy": ones, "dir/y.npy": writeNpy(tensor("i8", [2], [1, 2])), "notes.txt": ones },
      { level },
    );
    const tensors = parseNpz(bytes, "x.npz");
    expect([...tensors.keys()]).toEqual(["x", "dir/y"]);
    expect(tensors.get("dir/y")).toEqual(tensor("i8", [2], [1, 2]));
    expect(tensors.get("x")?.data[999]).toBe(1);
  });

  test("is stopped before it unpacks more than the limit", () => {
    const bomb = zipSync({ "x.npy": new Uint8Array(50_000_000) }, { level: 9 });
    expect(bomb.length).toBeLessThan(100_000);
    expect(codesOf(() => parseNpz(bomb, "x.npz", 1_000_000))).toEqual(["npz-limit"]);
    const two = zipSync({ "x.npy": ones, "y.npy": ones });
    expect(codesOf(() => parseNpz(two, "x.npz", ones.length * 2))).toEqual([]);
    expect(codesOf(() => parseNpz(two, "x.npz", ones.length * 2 - 1))).toEqual(["npz-limit"]);
  });

  test("an entry that lies about its size gives no more than it declared", () => {
    const bytes = zipSync({ "x.npy": ones }, { level: 9 });
    const directory = bytes.findLastIndex(
      (_, i) => bytes[i] === 0x50 && bytes[i + 1] === 0x4b && bytes[i + 2] === 1,
    );
    new DataView(bytes.buffer).setUint32(directory + 24, 200, true);
    expect(codesOf(() => parseNpz(bytes, "x.npz"))).toHaveLength(1);
  });

  test("refuses what is no zip, and names the entry that is no npy", () => {
    expect(codesOf(() => parseNpz(new Uint8Array([1, 2, 3]), "x.npz"))).toEqual(["npz-zip"]);
    expect(codesOf(() => parseNpz(ones, "x.npz"))).toEqual(["npz-zip"]);
    const bad = zipSync({ "x.npy": new Uint8Array([1, 2, 3]) });
    expect(codesOf(() => parseNpz(bad, "x.npz"))).toEqual(["npy-magic"]);
    expect(() => parseNpz(zipSync({ "x.npy": ones.subarray(0, 500) }), "x.npz")).toThrow("npy-truncated");
  });

  test("a cut or a changed byte gives tensors or a diagnostic", () => {
    const bytes = zipSync({ "x.npy": writeNpy(tensor("i8", [9])) }, { level: 6 });
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i]! ^= 0xff;
      codesOf(() => parseNpz(changed, "x.npz", 1_000_000));
      codesOf(() => parseNpz(bytes.subarray(0, i), "x.npz", 1_000_000));
    }
  });
});

describe("writeNpz", () => {
  test("is read back, and gives the same bytes again", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), anyTensor, { maxKeys: 4 }),
        (dictionary) => {
          const tensors = new Map(Object.entries(dictionary));
          const bytes = writeNpz(tensors);
          const back = parseNpz(bytes, "x.npz");
          expect([...back].map(([name, t]) => [name, contentsOf(t)])).toEqual(
            [...tensors].map(([name, t]) => [name, contentsOf(t)]),
          );
          expect(writeNpz(back)).toEqual(bytes);
        },
      ),
      { numRuns: 100, seed: 1 },
    );
  });
});
