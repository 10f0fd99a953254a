import { expect, test } from "vitest";
import { roundHalfAwayFromZero, roundHalfEven } from "../../src/numerics/round.ts";

test("every quarter in [-300, 300]", () => {
  for (let quarters = -1200; quarters <= 1200; quarters++) {
    const x = quarters / 4;
    const below = Math.floor(x);
    const rest = x - below;
    const nearest = rest < 0.5 ? below : below + 1;
    const away = rest === 0.5 && x < 0 ? below : nearest;
    const even = rest === 0.5 ? (below % 2 === 0 ? below : below + 1) : nearest;
    expect(roundHalfAwayFromZero(x), `away ${x}`).toBe(away + 0);
    expect(roundHalfEven(x) + 0, `even ${x}`).toBe(even + 0);
  }
});

test("where floor(x + 0.5) would be wrong", () => {
  const belowHalf = 0.49999999999999994;
  expect(roundHalfAwayFromZero(belowHalf)).toBe(0);
  expect(roundHalfAwayFromZero(-belowHalf)).toBe(0);
  expect(roundHalfEven(belowHalf)).toBe(0);
  expect(roundHalfAwayFromZero(2 ** 52 + 1)).toBe(2 ** 52 + 1);
  expect(roundHalfEven(2 ** 52 + 1)).toBe(2 ** 52 + 1);
  expect(roundHalfEven(-(2 ** 53) + 1)).toBe(-(2 ** 53) + 1);
});

test("zeros, infinities and NaN", () => {
  expect(roundHalfAwayFromZero(-0)).toBe(0);
  expect(roundHalfAwayFromZero(-0.2)).toBe(0);
  expect(roundHalfEven(-0)).toBe(-0);
  expect(roundHalfEven(-0.5)).toBe(-0);
  expect(roundHalfAwayFromZero(-Infinity)).toBe(-Infinity);
  expect(roundHalfEven(Infinity)).toBe(Infinity);
  expect(roundHalfAwayFromZero(NaN)).toBe(NaN);
  expect(roundHalfEven(NaN)).toBe(NaN);
});
