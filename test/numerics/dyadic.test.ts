import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  rescale,
  rescaleBig,
  rescaleTwice,
  sharedShiftMultipliers,
  toDyadic,
} from "../../src/numerics/dyadic.ts";

const accumulators = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(-(2 ** 31), -(2 ** 31) + 1, -1, 0, 1, 2 ** 31 - 1),
);
const multipliers = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  fc.integer({ min: 2 ** 30, max: 2 ** 31 - 1 }),
  fc.constantFrom(0, 1, 65535, 65536, 2 ** 30, 2 ** 31 - 1),
);
const shifts = fc.integer({ min: 1, max: 62 });

/** What the product would be without the split: it loses bits beyond 2^53. */
function rescaleNaively(acc: number, multiplier: number, shift: number): number {
  return Math.floor((acc * multiplier + 2 ** (shift - 1)) / 2 ** shift) | 0;
}

/** The inverse of an odd number modulo 2^bits, by Newton. */
function inverse(odd: bigint, bits: number): bigint {
  let y = odd;
  for (let i = 0; i < 7; i++) y = BigInt.asUintN(bits, y * (2n - odd * y));
  return y;
}

/** Pairs with acc * multiplier = 2^(shift - 1) + d modulo 2^shift: next to where the rounding decides. */
function* ties(): Generator<readonly [number, number, number]> {
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 0;
  for (let shift = 17; shift <= 42; shift++) {
    for (const d of [-3n, -1n, 0n, 1n]) {
      let found = 0;
      for (let tries = 0; tries < 20000 && found < 12; tries++) {
        const multiplier = 2 ** 30 + ((random() % 2 ** 30) | 1);
        const target = BigInt(2 ** (shift - 1)) + d;
        const solution = BigInt.asIntN(shift, target * inverse(BigInt(multiplier), shift));
        const acc =
          Number(solution) + (shift < 32 ? 2 ** shift * Math.floor((random() - 2 ** 31) / 2 ** shift) : 0);
        if (acc < -(2 ** 31) || acc >= 2 ** 31) continue;
        found++;
        yield [acc, multiplier, shift];
      }
    }
  }
  // Exact ties at every shift: the factors' powers of two add up to 2^(shift - 1).
  for (let shift = 1; shift <= 61; shift++) {
    for (let inAcc = Math.max(0, shift - 31); inAcc < Math.min(31, shift); inAcc++) {
      const inMultiplier = shift - 1 - inAcc;
      if (inMultiplier > 30) continue;
      for (const odd of [1, 3, 5, -1, -3, -5]) {
        const acc = odd * 2 ** inAcc;
        const multiplier = 2 ** inMultiplier * (2 ** (30 - inMultiplier) + 1);
        if (Math.abs(acc) < 2 ** 31 && multiplier < 2 ** 31) yield [acc, multiplier, shift];
      }
    }
  }
}

describe("rescale", () => {
  test("equals the bigint oracle on random values and extremes", () => {
    fc.assert(
      fc.property(accumulators, multipliers, shifts, (acc, multiplier, shift) => {
        expect(rescale(acc, multiplier, shift)).toBe(rescaleBig(acc, multiplier, shift));
      }),
      { numRuns: 20000, seed: 1 },
    );
  });

  test("equals the oracle next to every kind of tie, where the naive product fails", () => {
    let count = 0;
    let naiveFailures = 0;
    for (const [acc, multiplier, shift] of ties()) {
      const expected = rescaleBig(acc, multiplier, shift);
      const actual = rescale(acc, multiplier, shift);
      if (actual !== expected) expect(actual, `rescale(${acc}, ${multiplier}, ${shift})`).toBe(expected);
      count++;
      if (rescaleNaively(acc, multiplier, shift) !== expected) naiveFailures++;
    }
    expect(count).toBeGreaterThan(2000);
    expect(naiveFailures).toBeGreaterThan(100);
  });

  test("the adversarial example of the split product's specification", () => {
    expect(rescale(315149705, 1276827093, 31)).toBe(187378228);
    expect(rescaleNaively(315149705, 1276827093, 31)).toBe(187378229);
  });

  test("halves round up, on both sides of zero", () => {
    const half = [1, 3, 5, -1, -3, -5].map((acc) => rescale(acc, 2 ** 30, 31));
    expect(half).toEqual([1, 2, 3, 0, -1, -2]);
  });

  test("the extremes of the accumulator at every shift", () => {
    for (let shift = 1; shift <= 62; shift++) {
      for (const acc of [-(2 ** 31), 2 ** 31 - 1]) {
        for (const multiplier of [0, 1, 2 ** 30, 2 ** 31 - 1]) {
          expect(rescale(acc, multiplier, shift)).toBe(rescaleBig(acc, multiplier, shift));
        }
      }
    }
  });

  test("wraps to i32 where the quotient is larger", () => {
    expect(rescale(2 ** 31 - 1, 2 ** 30, 29)).toBe(-2);
    expect(rescale(2 ** 30, 2 ** 30, 20)).toBe(0);
  });
});

describe("rescaleTwice", () => {
  /** Both steps as gemmlowp writes them, in bigints; the left shift exact, where gemmlowp's is undefined beyond 32 bits. */
  function oracle(acc: number, multiplier: number, shift: number): number {
    const product = (BigInt(acc) << BigInt(Math.max(31 - shift, 0))) * BigInt(multiplier);
    const nudge = product >= 0n ? 1n << 30n : 1n - (1n << 30n);
    const high = Number(BigInt.asIntN(32, (product + nudge) / (1n << 31n)));
    const right = Math.max(shift - 31, 0);
    if (right === 0) return high;
    if (right === 31) return high >= 2 ** 30 ? 1 : high <= -(2 ** 30) ? -1 : 0;
    const mask = 2 ** right - 1;
    const threshold = (mask >> 1) + (high < 0 ? 1 : 0);
    return (high >> right) + ((high & mask) > threshold ? 1 : 0);
  }

  test("equals gemmlowp's two steps", () => {
    fc.assert(
      fc.property(accumulators, multipliers, shifts, (acc, multiplier, shift) => {
        expect(rescaleTwice(acc, multiplier, shift)).toBe(oracle(acc, multiplier, shift));
      }),
      { numRuns: 20000, seed: 2 },
    );
  });

  test("equals them next to every kind of tie of the first step, and of the second", () => {
    for (const [acc, multiplier, near] of ties())
      for (const shift of [near, 31, 32, 40])
        if (rescaleTwice(acc, multiplier, shift) !== oracle(acc, multiplier, shift))
          expect.unreachable(`rescaleTwice(${acc}, ${multiplier}, ${shift})`);
    for (let exponent = 1; exponent <= 31; exponent++)
      for (const odd of [1, 3, 5, -1, -3, -5])
        for (const off of [-1, 0, 1]) {
          // A multiplier of 2^30 halves, so that the first step gives what the second is to round.
          const acc = 2 * (odd * 2 ** (exponent - 1) + off);
          if (acc < -(2 ** 31) || acc >= 2 ** 31) continue;
          expect(rescaleTwice(acc, 2 ** 30, 31 + exponent)).toBe(oracle(acc, 2 ** 30, 31 + exponent));
        }
  });

  test("halves go away from zero in the second step, up in the first", () => {
    expect([2, 6, -2, -6].map((acc) => rescaleTwice(acc, 2 ** 30, 32))).toEqual([1, 2, -1, -2]);
    expect([1, 3, -1, -3].map((acc) => rescaleTwice(acc, 2 ** 30, 31))).toEqual([1, 2, 0, -1]);
  });

  test("differs from the single rounding by at most 1, and somewhere does", () => {
    let different = 0;
    for (let acc = -5000; acc <= 5000; acc++) {
      const single = rescale(acc, 1518500250, 35);
      const double = rescaleTwice(acc, 1518500250, 35);
      expect(Math.abs(single - double)).toBeLessThanOrEqual(1);
      if (single !== double) different++;
    }
    expect(different).toBeGreaterThan(0);
  });
});

describe("toDyadic", () => {
  test("known ratios", () => {
    expect(toDyadic(0)).toEqual({ multiplier: 0, shift: 31 });
    expect(toDyadic(0.5)).toEqual({ multiplier: 2 ** 30, shift: 31 });
    expect(toDyadic(0.75)).toEqual({ multiplier: 3 * 2 ** 29, shift: 31 });
    expect(toDyadic(1)).toEqual({ multiplier: 2 ** 30, shift: 30 });
    expect(toDyadic(0.0025)).toEqual({ multiplier: Math.round(0.0025 * 2 ** 39), shift: 39 });
    expect(toDyadic(1 - 2 ** -40)).toEqual({ multiplier: 2 ** 30, shift: 30 });
    expect(toDyadic(2 ** -32)).toEqual({ multiplier: 2 ** 30, shift: 62 });
    expect(toDyadic(2 ** -33)).toEqual({ multiplier: 0, shift: 31 });
    expect(toDyadic(2 ** 28)).toEqual({ multiplier: 2 ** 30, shift: 2 });
    expect(toDyadic(2 ** 40)).toEqual({ multiplier: 2 ** 31 - 1, shift: 1 });
    expect(toDyadic(5e-324)).toEqual({ multiplier: 0, shift: 31 });
  });

  test("is within half a unit of 31 bits of the ratio", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -31, max: 28 }),
        fc.double({ min: 1, max: 2, noNaN: true }),
        (exponent, f) => {
          const ratio = f * 2 ** exponent;
          const { multiplier, shift } = toDyadic(ratio);
          expect(multiplier).toBeGreaterThanOrEqual(2 ** 30);
          expect(multiplier).toBeLessThan(2 ** 31);
          expect(Math.abs(multiplier - ratio * 2 ** shift)).toBeLessThanOrEqual(0.5);
        },
      ),
      { seed: 3 },
    );
  });

  test.each([-1, NaN, Infinity])("refuses %s", (ratio) => {
    expect(() => toDyadic(ratio)).toThrow("internal");
  });
});

describe("sharedShiftMultipliers", () => {
  test("one shift, the largest at which the largest multiplier fits", () => {
    const shared = sharedShiftMultipliers([0.01, 0.002, 0, 0.0001]);
    expect(shared.shifts).toEqual([37]);
    expect(shared.multipliers).toEqual([0.01, 0.002, 0, 0.0001].map((ratio) => Math.round(ratio * 2 ** 37)));
    expect(shared.highWord).toBe(true);
    expect(shared.fewestBits).toBe(24);
  });

  test("the boundary of the high word lies at 1/4", () => {
    expect(sharedShiftMultipliers([0.2499999999])).toMatchObject({ shifts: [33], highWord: true });
    expect(sharedShiftMultipliers([0.25])).toMatchObject({ shifts: [32], highWord: false });
    expect(sharedShiftMultipliers([0.25 - 2 ** -40])).toMatchObject({ multipliers: [2 ** 30], shifts: [32] });
  });

  test("sixteen bits are kept, fifteen are not", () => {
    const sixteen = sharedShiftMultipliers([2 ** -4, 2 ** -19]);
    expect(sixteen).toEqual({
      multipliers: [2 ** 30, 2 ** 15],
      shifts: [34],
      highWord: true,
      fewestBits: 16,
    });
    const fifteen = sharedShiftMultipliers([2 ** -4, 2 ** -20, 0]);
    expect(fifteen).toEqual({
      multipliers: [2 ** 30, 2 ** 30, 0],
      shifts: [34, 50, 34],
      highWord: true,
      fewestBits: 31,
    });
  });

  test("only dead channels", () => {
    expect(sharedShiftMultipliers([0, 2 ** -40])).toMatchObject({
      multipliers: [0, 0],
      shifts: [33],
      highWord: true,
    });
  });

  test("shared or not, each multiplier is the nearest at its shift and fits 31 bits", () => {
    const ratio = fc.double({ min: 1e-7, max: 2, noNaN: true });
    fc.assert(
      fc.property(fc.array(ratio, { minLength: 1, maxLength: 8 }), (ratios) => {
        const { multipliers, shifts, highWord } = sharedShiftMultipliers(ratios);
        expect([1, ratios.length]).toContain(shifts.length);
        expect(highWord).toBe(shifts.every((shift) => shift >= 33));
        multipliers.forEach((multiplier, channel) => {
          const shift = shifts[shifts.length === 1 ? 0 : channel]!;
          expect(Math.abs(multiplier - ratios[channel]! * 2 ** shift)).toBeLessThanOrEqual(0.5);
          expect(multiplier).toBeLessThan(2 ** 31);
          expect(multiplier).toBeGreaterThanOrEqual(2 ** 15);
        });
      }),
      { seed: 4 },
    );
  });
});
