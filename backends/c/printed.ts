/**
 * A piece of C on its way into a larger one, and what printing pieces needs to know.
 */
import type { Buffer, MemoryElement, Register } from "../../src/loops/loop.ts";
import type { HelperName, ScalarElement } from "./helpers.ts";
import type { StaticAssertion } from "./static-assertions.ts";

/** What a printer of expressions asks of its surroundings. */
export interface Names {
  register(register: Register): string;
  buffer(buffer: Buffer): string;
  helper(name: HelperName): string;
  assume(assertion: StaticAssertion): void;
}

export type Range = readonly [low: number, high: number];

/** C text, how tightly its outermost operator binds, and the C type it has; `range` is there for `int` alone. */
export interface Printed {
  readonly text: string;
  readonly level: number;
  readonly type: "int" | ScalarElement;
  readonly range?: Range;
  /** The piece is an element of memory as it lies there: `text` without a cast, for copies. */
  readonly copy?: { readonly text: string; readonly element: MemoryElement };
}

/** Binding strength of C's operators, loosest first. */
export const level = {
  conditional: 1,
  bitwise: 2,
  equality: 3,
  relation: 4,
  shift: 5,
  sum: 6,
  product: 7,
  unary: 8,
  primary: 9,
} as const;

export const enclose = (piece: Pick<Printed, "text" | "level">, least: number): string =>
  piece.level >= least ? piece.text : `(${piece.text})`;
