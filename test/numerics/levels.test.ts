import { describe, expect, test } from "vitest";
import { allLevels, levelsOf, mostBits, nearestLevel, type Levels } from "../../src/numerics/levels.ts";
import { elementTypes, holdsInteger } from "../../src/tensor/element-type.ts";

const every: Levels[] = [];
for (let bits = 2; bits <= mostBits.integers; bits++) every.push(levelsOf(bits));
for (let bits = 2; bits <= mostBits.odd; bits++) every.push(levelsOf(bits, "odd"));

test("the level sets of small widths", () => {
  expect(allLevels(levelsOf(2))).toEqual([-1, 0, 1]);
  expect(allLevels(levelsOf(3))).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  expect(allLevels(levelsOf(2, "odd"))).toEqual([-3, -1, 1, 3]);
  expect(allLevels(levelsOf(3, "odd"))).toEqual([-7, -5, -3, -1, 1, 3, 5, 7]);
  expect(levelsOf(8)).toEqual({ element: "i8", largest: 127, step: 1 });
});

describe.each(every)("$element", (levels) => {
  const all = allLevels(levels);

  test("has levels its element type holds, symmetric about zero", () => {
    expect(elementTypes).toContain(levels.element);
    expect(all.every((q) => holdsInteger(levels.element, q))).toBe(true);
    expect(all.map((q) => 0 - q).reverse()).toEqual(all);
  });

  test("rounds to the nearest, halves away from zero: brute force over eighths", () => {
    for (let x = -levels.largest - 2; x <= levels.largest + 2; x += 1 / 8) {
      const found = nearestLevel(levels, x);
      const distance = Math.min(...all.map((q) => Math.abs(q - x)));
      const nearest = all.filter((q) => Math.abs(q - x) === distance);
      const expected = x < 0 ? nearest[0] : nearest.at(-1);
      expect(found, `${levels.element} of ${x}`).toBe(expected);
      if (x !== 0) expect(nearestLevel(levels, -x)).toBe(0 - found);
    }
  });
});

test("what is no number has a level all the same", () => {
  expect(nearestLevel(levelsOf(4), NaN)).toBe(0);
  expect(nearestLevel(levelsOf(2, "odd"), NaN)).toBe(1);
  expect(nearestLevel(levelsOf(2, "odd"), Infinity)).toBe(3);
});

test("widths that no element type has", () => {
  expect(() => levelsOf(8, "odd")).toThrow("internal");
  expect(() => levelsOf(1)).toThrow("internal");
  expect(() => levelsOf(9)).toThrow("internal");
});
