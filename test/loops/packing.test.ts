import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf, elementsOfWholeWords, packBytes, packingOf, packLanes } from "../../src/loops/packing.ts";
import { elementRange, holdsInteger, narrowElementTypes } from "../../src/tensor/element-type.ts";

/** The bits from `first` on, read one by one: nothing of how they were written. */
function bitsAt(bitOf: (position: number) => number, first: number, bits: number): number {
  let code = 0;
  for (let i = 0; i < bits; i++) code += bitOf(first + i) * 2 ** i;
  return code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
}

test("four and three bits, by hand", () => {
  expect([...packBytes([1, -1, -8, 7], 4)]).toEqual([0xf1, 0x78]);
  // 001 111 100 in the order of their bits, the lowest first: 1 | 7 << 3 | 4 << 6.
  expect([...packBytes([1, -1, -4], 3)]).toEqual([0x39, 0x01]);
  expect([...packLanes([1, -1, 2, -2, 3, -3, -8, 7], 4, 2)]).toEqual([
    (1 | (2 << 4) | (3 << 8) | (8 << 12)) - 0x10000,
    0xf | (0xe << 4) | (0xd << 8) | (7 << 12),
  ]);
});

test("codes of odd elements are what their bits hold", () => {
  for (const element of narrowElementTypes) {
    const packing = packingOf(element);
    const { min, max } = elementRange(element);
    for (let value = min; value <= max; value++) {
      if (!holdsInteger(element, value)) continue;
      const code = codeOf(value, packing);
      expect(packing.odd ? 2 * code + 1 : code).toBe(value);
      expect(code).toBeGreaterThanOrEqual(-(2 ** (packing.bits - 1)));
      expect(code).toBeLessThan(2 ** (packing.bits - 1));
    }
  }
});

describe.each([2, 3, 4, 5, 6, 7])("%i bits", (bits) => {
  const code = fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });

  test("come back from a stream of bytes", () => {
    fc.assert(
      fc.property(fc.array(code, { maxLength: 40 }), (codes) => {
        const bytes = packBytes(codes, bits);
        expect(bytes.length).toBe(Math.ceil((codes.length * bits) / 8));
        const bitOf = (p: number): number => (bytes[p >> 3]! >> (p & 7)) & 1;
        expect(codes.map((_, i) => bitsAt(bitOf, i * bits, bits))).toEqual(codes);
      }),
      { seed: 1 },
    );
  });

  test("come back from streams side by side", () => {
    const rows = elementsOfWholeWords(bits, 16);
    expect((rows * bits) % 16).toBe(0);
    const length = 2 * rows * 8;
    fc.assert(
      fc.property(fc.array(code, { minLength: length, maxLength: length }), (codes) => {
        const words = packLanes(codes, bits, 8);
        expect(words.length).toBe((length * bits) / 16);
        const found = codes.map((_, i) => {
          const lane = i % 8;
          const bitOf = (p: number): number => (words[(p >> 4) * 8 + lane]! >> (p & 15)) & 1;
          return bitsAt(bitOf, Math.floor(i / 8) * bits, bits);
        });
        expect(found).toEqual(codes);
      }),
      { seed: 2, numRuns: 30 },
    );
    expect(() => packLanes(new Array<number>(length - 1).fill(0), bits, 8)).toThrow("internal");
  });
});
