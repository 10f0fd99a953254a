/** Least squares on moments against planted answers. */
import { describe, expect, test } from "vitest";
import { factorDamped, reconstruct } from "../../src/numerics/least-squares.ts";
import { Moments } from "../../src/numerics/moments.ts";
import { createRandom } from "../../src/pass/random.ts";

const random = createRandom(7);
const row = (length: number): Float64Array => Float64Array.from({ length }, () => random.uniform() * 2 - 1);
const largest = (numbers: Iterable<number>): number => Math.max(...[...numbers].map(Math.abs));

function product(a: ArrayLike<number>, b: ArrayLike<number>, size: number): number[] {
  return Array.from({ length: size * size }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += a[Math.floor(at / size) * size + k]! * b[k * size + (at % size)]!;
    return sum;
  });
}
const identity = (size: number): number[] =>
  Array.from({ length: size * size }, (_, at) => (Math.floor(at / size) === at % size ? 1 : 0));
const transposed = (a: ArrayLike<number>, size: number): number[] =>
  Array.from({ length: size * size }, (_, at) => a[(at % size) * size + Math.floor(at / size)]!);

describe("factors", () => {
  const size = 9;
  const moments = new Moments(size);
  for (let n = 0; n < 40; n++) moments.add(row(size));
  const factors = factorDamped(moments.sums, size, 0);

  test("solve and inverse", () => {
    const off = product(moments.sums, factors.inverse(), size).map((x, i) => x - identity(size)[i]!);
    expect(largest(off)).toBeLessThan(1e-12);
  });

  test("the inverse is Uᵀ U with U upper triangular", () => {
    const upper = factors.inverseUpper();
    upper.forEach((x, at) => {
      if (at % size < Math.floor(at / size)) expect(x).toBe(0);
    });
    const again = product(transposed(upper, size), upper, size);
    expect(largest(factors.inverse().map((x, i) => x - again[i]!))).toBeLessThan(1e-12);
  });

  test("moments without an inverse are damped, zeros become the identity", () => {
    const flat = new Moments(3);
    flat.add([1, 2, 3]);
    expect(factorDamped(flat.sums, 3, 0).added).toBeGreaterThan(0);
    expect([...factorDamped(new Float64Array(4), 2).inverse()]).toEqual([1, 0, 0, 1]);
  });

  test("moments that are not finite are the caller's fault", () => {
    expect(() => factorDamped([Number.NaN], 1)).toThrow("not finite");
  });
});

describe("reconstruction", () => {
  test("inputs that span the lost ones are found exactly", () => {
    // x = M z: the weights on z are W M.
    const [inputs, kept, outputs] = [5, 3, 2];
    const mixing = row(inputs * kept);
    const weights = row(outputs * inputs);
    const [cross, own] = [new Moments(inputs, kept), new Moments(kept)];
    for (let n = 0; n < 50; n++) {
      const z = row(kept);
      const x = Float64Array.from({ length: inputs }, (_, i) =>
        z.reduce((sum, value, j) => sum + mixing[i * kept + j]! * value, 0),
      );
      cross.add(x, z);
      own.add(z);
    }
    const found = reconstruct(weights, new Float64Array(outputs * kept), cross, own, 0);
    const wanted = Float64Array.from({ length: outputs * kept }, (_, at) => {
      const [o, j] = [Math.floor(at / kept), at % kept];
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += weights[o * inputs + i]! * mixing[i * kept + j]!;
      return sum;
    });
    expect(largest(found.map((x, i) => x - wanted[i]!))).toBeLessThan(1e-12);
  });

  test("weights of inputs never seen stay at the prior", () => {
    const own = new Moments(2);
    for (let n = 0; n < 5; n++) own.add([n, 0]);
    const found = reconstruct([2, 7], [2, 7], own, own);
    expect(found[0]).toBeCloseTo(2, 12);
    expect(found[1]).toBeCloseTo(7, 12);
  });
});

test("centered moments are those of the rows less their means", () => {
  const rows = Array.from({ length: 20 }, () => row(4).map((x) => x + 3));
  const [moments, wanted] = [new Moments(4), new Moments(4)];
  for (const x of rows) moments.add(x);
  const mean = moments.leftTotals.map((total) => total / rows.length);
  for (const x of rows) wanted.add(x.map((value, i) => value - mean[i]!));
  expect(largest(moments.centered().sums.map((x, i) => x - wanted.sums[i]!))).toBeLessThan(1e-10);
});
