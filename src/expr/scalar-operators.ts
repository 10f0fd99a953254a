/**
 * Closures of the scalar operators, one table a type. A closure takes no argument: operands are closures too, so that an evaluated
 * expression allocates nothing. i64 works on bigints, all others on numbers; f32 rounds after every operation.
 */
import {
  checkShift,
  divideUnsigned,
  divideUnsigned64,
  exponentBits,
  floatMax,
  floatMin,
  pow2Bits,
  significandBits,
} from "../numerics/machine.ts";
import { roundHalfEven } from "../numerics/round.ts";
import type { BinaryOperator, CompareOperator, UnaryOperator } from "./expression.ts";

export type NumberThunk = () => number;
export type BigThunk = () => bigint;

type BinaryTable<T> = Readonly<Partial<Record<BinaryOperator, (l: () => T, r: () => T) => () => T>>>;
type UnaryTable<T> = Readonly<Partial<Record<UnaryOperator, (x: () => T) => () => T>>>;

const wrap64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const shift64 = (x: bigint): bigint => BigInt(checkShift(Number(x), 64));

export const binaryI32: BinaryTable<number> = {
  add: (l, r) => () => (l() + r()) | 0,
  sub: (l, r) => () => (l() - r()) | 0,
  mul: (l, r) => () => Math.imul(l(), r()),
  divu: (l, r) => () => divideUnsigned(l(), r()),
  min: (l, r) => () => floatMin(l(), r()),
  max: (l, r) => () => floatMax(l(), r()),
  and: (l, r) => () => l() & r(),
  or: (l, r) => () => l() | r(),
  xor: (l, r) => () => l() ^ r(),
  shl: (l, r) => () => l() << checkShift(r(), 32),
  shr: (l, r) => () => l() >> checkShift(r(), 32),
};

export const binaryI64: BinaryTable<bigint> = {
  add: (l, r) => () => wrap64(l() + r()),
  sub: (l, r) => () => wrap64(l() - r()),
  mul: (l, r) => () => wrap64(l() * r()),
  divu: (l, r) => () => divideUnsigned64(l(), r()),
  min: (l, r) => () => {
    const [a, b] = [l(), r()];
    return b < a ? b : a;
  },
  max: (l, r) => () => {
    const [a, b] = [l(), r()];
    return a < b ? b : a;
  },
  and: (l, r) => () => l() & r(),
  or: (l, r) => () => l() | r(),
  xor: (l, r) => () => l() ^ r(),
  shl: (l, r) => () => wrap64(l() << shift64(r())),
  shr: (l, r) => () => l() >> shift64(r()),
};

export const binaryF32: BinaryTable<number> = {
  add: (l, r) => () => Math.fround(l() + r()),
  sub: (l, r) => () => Math.fround(l() - r()),
  mul: (l, r) => () => Math.fround(l() * r()),
  div: (l, r) => () => Math.fround(l() / r()),
  min: (l, r) => () => floatMin(l(), r()),
  max: (l, r) => () => floatMax(l(), r()),
};

export const binaryF64: BinaryTable<number> = {
  add: (l, r) => () => l() + r(),
  sub: (l, r) => () => l() - r(),
  mul: (l, r) => () => l() * r(),
  div: (l, r) => () => l() / r(),
  min: (l, r) => () => floatMin(l(), r()),
  max: (l, r) => () => floatMax(l(), r()),
};

export const unaryI32: UnaryTable<number> = {
  neg: (x) => () => -x() | 0,
  abs: (x) => () => Math.abs(x()) | 0,
};

export const unaryI64: UnaryTable<bigint> = {
  neg: (x) => () => wrap64(-x()),
  abs: (x) => () => {
    const value = x();
    return value < 0n ? wrap64(-value) : value;
  },
};

/** The float operations that are exact at any width. */
const unaryFloat: UnaryTable<number> = {
  neg: (x) => () => -x(),
  abs: (x) => () => Math.abs(x()),
  floor: (x) => () => Math.floor(x()),
  ceil: (x) => () => Math.ceil(x()),
  trunc: (x) => () => Math.trunc(x()),
  nearest: (x) => () => roundHalfEven(x()),
};

/** A double's square root rounds to the f32 square root: 53 bits are more than 2 * 24 + 2. */
export const unaryF32: UnaryTable<number> = { ...unaryFloat, sqrt: (x) => () => Math.fround(Math.sqrt(x())) };

export const unaryF64: UnaryTable<number> = {
  ...unaryFloat,
  sqrt: (x) => () => Math.sqrt(x()),
  pow2: (x) => () => pow2Bits(x()),
  exponent: (x) => () => exponentBits(x()),
  significand: (x) => () => significandBits(x()),
};

/** One comparison for all types: bigints compare as numbers do. */
export function compareThunk<T extends number | bigint>(
  operator: CompareOperator,
  l: () => T,
  r: () => T,
): NumberThunk {
  switch (operator) {
    case "eq":
      return () => (l() === r() ? 1 : 0);
    case "ne":
      return () => (l() !== r() ? 1 : 0);
    case "lt":
      return () => (l() < r() ? 1 : 0);
    case "le":
      return () => (l() <= r() ? 1 : 0);
    case "gt":
      return () => (l() > r() ? 1 : 0);
    case "ge":
      return () => (l() >= r() ? 1 : 0);
  }
}

/** Reductions: the value kept and one more give the next kept value. */
export const combine = {
  i32: {
    add: (kept: number, next: number): number => (kept + next) | 0,
    mul: (kept: number, next: number): number => Math.imul(kept, next),
    min: floatMin,
    max: floatMax,
  },
  f32: {
    add: (kept: number, next: number): number => Math.fround(kept + next),
    mul: (kept: number, next: number): number => Math.fround(kept * next),
    min: floatMin,
    max: floatMax,
  },
  f64: {
    add: (kept: number, next: number): number => kept + next,
    mul: (kept: number, next: number): number => kept * next,
    min: floatMin,
    max: floatMax,
  },
  i64: {
    add: (kept: bigint, next: bigint): bigint => wrap64(kept + next),
    mul: (kept: bigint, next: bigint): bigint => wrap64(kept * next),
    min: (kept: bigint, next: bigint): bigint => (next < kept ? next : kept),
    max: (kept: bigint, next: bigint): bigint => (kept < next ? next : kept),
  },
} as const;
