/** What makers of hostile files draw their numbers and names with. */
import type { Random } from "../../src/pass/random.ts";

/** By what it does wrong: from seeded randomness a file that has to be refused. */
export type Hostile = Readonly<Record<string, (random: Random) => Uint8Array>>;

export const pick = <T>(random: Random, from: readonly T[]): T => from[random.integer(from.length)]!;

/** From 1 to 2^bits, each magnitude as likely. */
export const size = (random: Random, bits: number): number =>
  1 + random.integer(2 ** random.integer(bits + 1));

/** About 2^from to 2^to, each magnitude as likely. */
export const magnitude = (random: Random, from: number, to: number): number =>
  2 ** (from + random.integer(to - from)) + random.integer(100);

/** An extent or a place that nothing has: negative, or beyond memory; sums and products of them leave machine words. */
export const extreme = (random: Random): number =>
  pick(random, [
    -1 - random.integer(4),
    -(2 ** 31),
    -(2 ** 53),
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 33 + random.integer(9),
    2 ** 52,
    2 ** 53 - 1,
  ]);

const names = ["w", "", "0", "../w", "a b", "%x", "__proto__", "constructor", "toString", "\0", "é\u202e"];

/** As models have them, or as they should not. */
export const name = (random: Random): string => pick(random, [...names, "x".repeat(size(random, 12))]);
