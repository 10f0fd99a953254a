/** The tables of exponentials at both ends of their precision: few elements and many, all alike and as far apart as can be. */
import { describe, expect, test } from "vitest";
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "../differential/engines.ts";
import { generator, graphOf, numbers } from "./run-operator.ts";

const lengths = [1, 2, 3, 12, 255, 256, 257, 1000];
const scales = [0.001, 0.05, 0.5];

/** Rows of stored logits. */
function rowsOf(n: number): number[][] {
  const random = generator(n);
  const filled = (value: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => value(i));
  return [
    filled(() => -128),
    filled(() => 127),
    filled(() => 5),
    filled((i) => (i === 0 ? 127 : -128)),
    filled((i) => (i === 0 ? -128 : 127)),
    filled((i) => (i % 256) - 128),
    filled(() => Math.floor(random() * 256) - 128),
    filled(() => Math.floor(random() * 12) + 116),
  ];
}

const graphFor = (n: number, scale: number) =>
  graphOf(`%y = softmax %x : tensor<8x${n}xi8, 0.00390625:-128>`, {
    "%x": `tensor<8x${n}xi8, ${scale}:3>`,
  });

const wideScales = [2 ** -16, 0.00003, 0.001, 0.05];

/** Rows of 16-bit logits: both ends, neighbours across a border of the low byte, a spread that the exponential does not quite swallow. */
function wideRowsOf(n: number, scale: number): number[][] {
  const random = generator(n);
  const filled = (value: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => value(i));
  const spread = Math.min(65535, Math.ceil(24 / scale));
  return [
    filled(() => -32768),
    filled(() => 32767),
    filled((i) => (i === 0 ? 32767 : -32768)),
    filled((i) => (i === 0 ? -32768 : 32767)),
    filled((i) => 32767 - (254 + (i % 4))),
    filled((i) => 32767 - ((i * 257) % 65536)),
    filled(() => Math.floor(random() * 65536) - 32768),
    filled(() => 32767 - Math.floor(random() * spread)),
  ];
}

const wideGraphFor = (n: number, scale: number) =>
  graphOf(`%y = softmax %x : tensor<8x${n}xi8, 0.00390625:-128>`, { "%x": `tensor<8x${n}xi16, ${scale}:0>` });

/** In doubles, in steps of 1/256 above the zero point; 1 saturates. */
function exactSteps(row: readonly number[], scale: number): number[] {
  const largest = Math.max(...row);
  const powers = row.map((q) => Math.exp(scale * (q - largest)));
  const total = powers.reduce((sum, p) => sum + p, 0);
  return powers.map((p) => Math.min(255, (256 * p) / total));
}

const bitsFor = (n: number): number => Math.min(22, 30 - Math.ceil(Math.log2(n)));

test("an exponential of 16 bits is off by hardly more than half a unit, for every difference there is", () => {
  for (const scale of wideScales) {
    // Of two elements the second gives T of their difference, the first 2^22.
    const [high, low] = [256 * scale, scale].map((step) =>
      Array.from({ length: 256 }, (_, i) => BigInt(Math.round(Math.exp(-step * i) * 2 ** 30))),
    ) as [bigint[], bigint[]];
    let farthest = 0;
    for (let d = 0; d < 65536; d++) {
      const t = (high[d >> 8]! * low[d & 255]! + (1n << 37n)) >> 38n;
      farthest = Math.max(farthest, Math.abs(Number(t) - Math.exp(-scale * d) * 2 ** 22));
    }
    expect(farthest).toBeLessThanOrEqual(0.5 + 2 ** -8);
  }
});

describe.each(lengths)("stored softmax of %d", (n) => {
  test.each(scales)("lies within its bound of the real one, scale %d", (scale) => {
    const rows = rowsOf(n);
    const y = numbers(interpret(graphFor(n, scale), [tensor("i8", [8, n], rows.flat())])[0]!);
    const bound = 0.5 + (128 * (n + 1)) / 2 ** bitsFor(n);
    rows.forEach((row, r) => {
      const errors = exactSteps(row, scale).map((steps, i) => Math.abs(y[r * n + i]! + 128 - steps));
      expect(Math.max(...errors)).toBeLessThanOrEqual(bound);
    });
  });

  test("equal logits are rounded correctly, halves up", () => {
    const y = numbers(interpret(graphFor(n, 0.05), [tensor("i8", [8, n], rowsOf(n).flat())])[0]!);
    const expected = Math.min(255, Math.floor(256 / n + 0.5)) - 128;
    expect(y.slice(0, 3 * n)).toEqual(Array.from({ length: 3 * n }, () => expected));
  });

  test("sum, product and rounding constant stay positive in 32 bits, with all the bits that allows", () => {
    const [operation] = graphFor(n, 0.05).operations;
    const { constants } = expressOperation(operation!, tensorReferences());
    const largest = Math.max(...constants.flatMap(({ data }) => Array.from(numbersOf(data!))));
    expect(largest).toBe(2 ** bitsFor(n));
    expect(n * largest).toBeLessThanOrEqual(2 ** 30);
    expect(256 * largest + (n * largest) / 2).toBeLessThan(2 ** 31);
  });

  test.each(wideScales)("of 16 bits lies within its bound, scale %d", (scale) => {
    const rows = wideRowsOf(n, scale);
    const y = numbers(interpret(wideGraphFor(n, scale), [tensor("i16", [8, n], rows.flat())])[0]!);
    const bound = 0.5 + (129 * (n + 1)) / 2 ** bitsFor(n);
    rows.forEach((row, r) => {
      const errors = exactSteps(row, scale).map((steps, i) => Math.abs(y[r * n + i]! + 128 - steps));
      expect(Math.max(...errors)).toBeLessThanOrEqual(bound);
    });
  });

  test("is the same everywhere", { timeout: 120_000 }, async () => {
    await expectAgreement(graphFor(n, 0.05), [[tensor("i8", [8, n], rowsOf(n).flat())]]);
    for (const scale of [2 ** -16, 0.001])
      await expectAgreement(wideGraphFor(n, scale), [[tensor("i16", [8, n], wideRowsOf(n, scale).flat())]]);
  });
});
