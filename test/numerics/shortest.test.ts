import fc from "fast-check";
import { expect, test } from "vitest";
import { formatNumber, parseNumber } from "../../src/numerics/shortest.ts";

test("known numbers", () => {
  expect(formatNumber(Math.fround(0.1), "f32")).toBe("0.1");
  expect(formatNumber(Math.fround(0.1))).toBe("0.10000000149011612");
  expect(formatNumber(0.1)).toBe("0.1");
  expect(formatNumber(Math.fround(1 / 3), "f32")).toBe("0.33333334");
  expect(formatNumber(16777216, "f32")).toBe("16777216");
  expect(formatNumber(2 ** -149, "f32")).toBe("1e-45");
  expect(formatNumber(Math.fround(3.4028235e38), "f32")).toBe("3.4028235e+38");
  expect(formatNumber(-128, "f32")).toBe("-128");
  expect([0, -0, NaN, Infinity, -Infinity].map((x) => formatNumber(x, "f32"))).toEqual([
    "0",
    "-0",
    "nan",
    "inf",
    "-inf",
  ]);
});

test("every power of two of f32 and its neighbours come back, and no shorter decimal would", () => {
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  for (let exponent = 0; exponent < 255; exponent++) {
    for (const offset of [-2, -1, 0, 1, 2, 1234567]) {
      bits[0] = exponent * 2 ** 23 + Math.max(offset, 1 - exponent);
      const x = float[0]!;
      const text = formatNumber(x, "f32");
      expect(parseNumber(text, "f32")).toBe(x);
      expect(hasShorter(x, text), `${text} for ${x}`).toBe(false);
    }
  }
});

test("parse is the inverse of format", () => {
  fc.assert(
    fc.property(fc.double(), (x) => {
      expect(parseNumber(formatNumber(x))).toBe(x);
    }),
    { seed: 1 },
  );
  fc.assert(
    fc.property(fc.float(), (x) => {
      expect(parseNumber(formatNumber(x, "f32"), "f32")).toBe(x);
    }),
    { numRuns: 2000, seed: 2 },
  );
});

test("what is no number", () => {
  for (const text of ["", " 1", "1 ", "0x10", "Infinity", "NaN", "1e", "--1", "1_0", ".", "+1", "1e1.5"]) {
    expect(parseNumber(text), text).toBeUndefined();
  }
  expect(parseNumber("1.")).toBe(1);
  expect(parseNumber("-.5e1")).toBe(-5);
});

test("a double that is no f32 is refused as one", () => {
  expect(() => formatNumber(0.1, "f32")).toThrow("internal");
});

/** Whether some decimal with one digit fewer rounds to x: all those near x are tried. */
function hasShorter(x: number, text: string): boolean {
  const digits = text
    .replace(/e.*/, "")
    .replace(/[-.]/g, "")
    .replace(/^0+|0+$/g, "").length;
  if (digits < 2) return false;
  const [mantissa, exponent] = x.toExponential(digits - 2).split("e") as [string, string];
  const integer = Number(mantissa.replace(".", ""));
  return [-2, -1, 0, 1, 2].some(
    (step) => Math.fround(Number(`${integer + step}e${Number(exponent) - digits + 2}`)) === x,
  );
}
