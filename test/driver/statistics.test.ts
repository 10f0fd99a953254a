import { expect, test } from "vitest";
import { argmax, mcnemar, NoiseMeter, proportion } from "../../src/driver/statistics.ts";
import { tensor } from "../../src/tensor/tensor.ts";

test("Wilson's interval, against published values", () => {
  const { value, interval } = proportion(8, 10);
  expect(value).toBe(0.8);
  expect(interval[0]).toBeCloseTo(0.4901625, 6);
  expect(interval[1]).toBeCloseTo(0.9433178, 6);
  expect(proportion(0, 10).interval[0]).toBe(0);
  expect(proportion(0, 10).interval[1]).toBeCloseTo(0.2775328, 6);
  expect(proportion(10, 10).interval[1]).toBe(1);
});

test("the first of several largest", () => {
  expect(argmax(tensor("i8", [4], [-3, 5, 5, 1]))).toBe(1);
});

test("a tenth of the amplitude is 20 dB", () => {
  const meter = new NoiseMeter();
  meter.add(tensor("f32", [1], [10]), tensor("f32", [1], [9]));
  expect(meter.decibels).toBeCloseTo(20, 10);
  const silent = new NoiseMeter();
  silent.add(tensor("f32", [1], [10]), tensor("f32", [1], [10]));
  expect(silent.decibels).toBe(Infinity);
});

test("McNemar's exact test is that of a coin on the samples that differ", () => {
  const hits = (...counts: readonly (readonly [boolean, number])[]): boolean[] =>
    counts.flatMap(([hit, count]) => Array.from({ length: count }, () => hit));
  // Both right 50 times, one alone 1 and 9 times: 2 (C(10, 0) + C(10, 1)) / 2^10.
  expect(mcnemar(hits([true, 51], [false, 9]), hits([true, 50], [false, 1], [true, 9]))).toBeCloseTo(
    22 / 1024,
    12,
  );
  expect(mcnemar(hits([true, 5]), hits([true, 5]))).toBe(1);
  expect(mcnemar(hits([true, 3000]), hits([false, 3000]))).toBe(0);
  expect(mcnemar(hits([true, 1000], [false, 1000]), hits([false, 1000], [true, 1000]))).toBe(1);
});
