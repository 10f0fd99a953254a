/**
 * Rounding where it is decided. Random accumulators hardly ever meet a tie, so ties are built: with a ratio of 2^-k every odd multiple of
 * 2^(k-1) is one, and for an odd multiplier m accumulators are searched whose product with m lies d from a half, d in {-3, -1, 0, 1}.
 */
import { describe, test } from "vitest";
import { sharedShiftMultipliers } from "../../src/numerics/dyadic.ts";
import { expectAgreement } from "./engines.ts";
import { epilogue, generator, storedInputs } from "./stored-graphs.ts";

const extremes = [
  0,
  1,
  -1,
  2 ** 31 - 1,
  -(2 ** 31) + 1,
  -(2 ** 31),
  2 ** 30,
  -(2 ** 30),
  65535,
  65536,
  -65536,
];
/** The layer adds x·1 with x in [-128, 127]: keep accumulators inside 32 bits. */
const inside = (acc: number): number => Math.max(-(2 ** 31) + 128, Math.min(2 ** 31 - 1 - 127, acc));

const tiesOfPowerOfTwo = (k: number): number[] =>
  Array.from({ length: 64 }, (_, i) => (2 * (i - 32) + 1) * 2 ** (k - 1)).flatMap((tie) => [
    tie - 1,
    tie,
    tie + 1,
  ]);

/** Accumulators whose exact product with m is within a few units of a half of 2^shift. */
function nearTies(ratio: number, count: number, seed: number): number[] {
  const { multipliers, shifts } = sharedShiftMultipliers([ratio]);
  const [m, shift] = [BigInt(multipliers[0]!), BigInt(shifts[0]!)];
  const random = generator(seed);
  const found: number[] = [];
  while (found.length < count) {
    const y = BigInt(random(300) - 150);
    const half = (y << shift) + (1n << (shift - 1n));
    const acc = Number(half / m);
    if (Math.abs(acc) < 2 ** 31 - 200) found.push(acc - 1, acc, acc + 1);
  }
  return found;
}

const half = (graph: ReturnType<typeof epilogue>) => [...storedInputs(graph, 3, 1)];

describe("requantization rounds the same everywhere", () => {
  for (const k of [1, 2, 3, 8, 16, 24]) {
    test(`ratio 2^-${k}: every tie and its neighbours`, async () => {
      const graph = epilogue([...tiesOfPowerOfTwo(k), ...extremes].map(inside), 2 ** -k, -3);
      await expectAgreement(graph, half(graph));
    });
  }
  for (const ratio of [0.0024999, 0.1234567, 0.3, 0.7, 0.99, 1.7e-5, 3.1e-8]) {
    test(`ratio ${ratio}: products next to a half`, async () => {
      const graph = epilogue([...nearTies(ratio, 60, 5), ...extremes].map(inside), Math.fround(ratio), 7);
      await expectAgreement(graph, half(graph));
    });
  }
  test("the clamp is the narrower one", async () => {
    const graph = epilogue(
      [...nearTies(0.01, 30, 5), ...extremes].map(inside),
      Math.fround(0.01),
      -128,
      [-128, 20],
    );
    await expectAgreement(graph, half(graph));
  });
});
