/** Sums in blocks against sums one by one, at every remainder that blocks and tiles leave. */
import { describe, expect, test } from "vitest";
import { Moments } from "../../src/numerics/moments.ts";
import { createRandom } from "../../src/pass/random.ts";

const random = createRandom(4);
const row = (length: number): Float64Array => Float64Array.from({ length }, () => random.uniform() - 0.5);

const sumsOf = (left: readonly Float64Array[], right: readonly Float64Array[]): number[][] =>
  Array.from(left[0]!, (_, i) =>
    Array.from(right[0]!, (_, j) => left.reduce((sum, x, r) => sum + x[i]! * right[r]![j]!, 0)),
  );

describe.each([1, 31, 32, 33, 100])("%i rows", (count) => {
  test.each([1, 2, 3, 4, 7])("of %i entries with themselves", (length) => {
    const rows = Array.from({ length: count }, () => row(length));
    const moments = new Moments(length);
    for (const x of rows) moments.add(x);
    expect(moments.count).toBe(count);
    sumsOf(rows, rows).forEach((sums, i) => {
      sums.forEach((sum, j) => {
        expect(moments.at(i, j)).toBeCloseTo(sum, 10);
      });
    });
  });

  test.each([
    [1, 1],
    [2, 5],
    [5, 2],
    [3, 3],
  ])("of %i entries with those of %i", (left, right) => {
    const rows = Array.from({ length: count }, () => [row(left), row(right)] as const);
    const moments = new Moments(left, right);
    for (const [x, y] of rows) moments.add(x, y);
    const wanted = sumsOf(
      rows.map(([x]) => x),
      rows.map(([, y]) => y),
    );
    wanted.forEach((sums, i) => {
      sums.forEach((sum, j) => {
        expect(moments.at(i, j)).toBeCloseTo(sum, 10);
      });
    });
    expect(moments.leftTotals[0]).toBeCloseTo(
      rows.reduce((sum, [x]) => sum + x[0]!, 0),
      10,
    );
    expect(moments.rightTotals[right - 1]).toBeCloseTo(
      rows.reduce((sum, [, y]) => sum + y[right - 1]!, 0),
      10,
    );
  });
});

test("rows may follow after sums were read", () => {
  const [at, all] = [new Moments(3), new Moments(3)];
  for (let n = 0; n < 50; n++) {
    const x = row(3);
    at.add(x);
    all.add(x);
    expect(at.at(0, 2)).toBe(at.at(2, 0));
  }
  all.sums.forEach((sum, i) => {
    expect(at.sums[i]).toBeCloseTo(sum, 10);
  });
});

test("moments of two kinds of rows take two", () => {
  expect(() => {
    new Moments(2).add(row(2), row(2));
  }).toThrow(/internal/);
  expect(() => {
    new Moments(2, 2).add(row(2));
  }).toThrow(/internal/);
});
