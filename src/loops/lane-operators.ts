/**
 * Lane arithmetic of the loop interpreter. A value is a typed array of its lanes (one for a scalar): storing a result into it wraps
 * integers and rounds to f32, which is the IR's arithmetic, so that the functions here need not. i64 lanes are bigints.
 */
import {
  divideUnsigned,
  divideUnsigned64,
  exponentBits,
  floatMax,
  floatMin,
  i64ToF32,
  pow2Bits,
  significandBits,
  truncateToI32,
  truncateToI64,
} from "../numerics/machine.ts";
import { roundHalfEven } from "../numerics/round.ts";
import { formatRegisterType, isFloatLane } from "./build.ts";
import type { LaneElement, LoopBinary, LoopCompare, LoopUnary, RegisterType } from "./loop.ts";

export type NumberLanes = Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
export type Lanes = NumberLanes | BigInt64Array;

const arrays = {
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

export const allocateLanes = ({ element, lanes }: RegisterType): Lanes => new arrays[element](lanes);

export const numbers = (lanes: Lanes): NumberLanes => {
  if (lanes instanceof BigInt64Array) throw new Error("internal: i64 lanes where narrower ones are due");
  return lanes;
};
export const bigs = (lanes: Lanes): BigInt64Array => {
  if (lanes instanceof BigInt64Array) return lanes;
  throw new Error("internal: lanes that are not i64 where i64 is due");
};

type BinaryTable<T> = Readonly<Partial<Record<LoopBinary, (a: T, b: T) => T>>>;
type UnaryTable<T> = Readonly<Partial<Record<LoopUnary, (x: T) => T>>>;

const integerBinary: BinaryTable<number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: Math.imul,
  min: floatMin,
  max: floatMax,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, amount) => a << amount,
  shr: (a, amount) => a >> amount,
};
const floatBinary: BinaryTable<number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: floatMin,
  max: floatMax,
};
const bigBinary: BinaryTable<bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  divu: divideUnsigned64,
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (a < b ? b : a),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, amount) => a << amount,
  shr: (a, amount) => a >> amount,
  shru: (a, amount) => BigInt.asUintN(64, a) >> amount,
};

const integerUnary: UnaryTable<number> = { neg: (x) => -x, abs: Math.abs };
const bigUnary: UnaryTable<bigint> = { neg: (x) => -x, abs: (x) => (x < 0n ? -x : x) };
const floatUnary: UnaryTable<number> = {
  neg: (x) => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  nearest: roundHalfEven,
};
const doubleUnary: UnaryTable<number> = {
  ...floatUnary,
  pow2: pow2Bits,
  exponent: exponentBits,
  significand: significandBits,
};

function known<T>(found: T | undefined, operator: string, type: RegisterType): T {
  if (found === undefined) throw new Error(`internal: ${operator} of ${formatRegisterType(type)}`);
  return found;
}

export function numberBinary(operator: LoopBinary, type: RegisterType): (a: number, b: number) => number {
  if (operator === "divu" && type.element === "i32" && type.lanes === 1) return divideUnsigned;
  if (operator === "addsatu" || operator === "shru") return unsignedBinary(operator, type);
  return known((isFloatLane(type.element) ? floatBinary : integerBinary)[operator], operator, type);
}

/** Lanes are typed arrays of signed numbers: what a lane is unsigned, is its value modulo 2^bits. */
function unsignedBinary(operator: "addsatu" | "shru", type: RegisterType): (a: number, b: number) => number {
  const isNarrow = type.element === "i8" || type.element === "i16";
  const mask = isNarrow ? saturation(type.element, true).high : -1;
  if (operator === "shru") return (a, amount) => (a & mask) >>> amount;
  return known(isNarrow ? (a, b) => Math.min((a & mask) + (b & mask), mask) : undefined, operator, type);
}
export const bigBinaryOf = (operator: LoopBinary, type: RegisterType): ((a: bigint, b: bigint) => bigint) =>
  known(bigBinary[operator], operator, type);

export function numberUnary(operator: LoopUnary, type: RegisterType): (x: number) => number {
  const table = type.element === "f64" ? doubleUnary : type.element === "f32" ? floatUnary : integerUnary;
  return known(table[operator], operator, type);
}
export const bigUnaryOf = (operator: LoopUnary, type: RegisterType): ((x: bigint) => bigint) =>
  known(bigUnary[operator], operator, type);

type Ordered = number | bigint;
export const comparisons: Readonly<Record<LoopCompare, (a: Ordered, b: Ordered) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

/** How one lane of `from` becomes one of `to`; storing it completes the conversion. */
export function conversion(from: LaneElement, to: LaneElement): (x: number | bigint) => number | bigint {
  if (from === "i64") {
    if (to === "i64") return (x) => x;
    if (isFloatLane(to)) return to === "f32" ? (x) => i64ToF32(x as bigint) : (x) => Number(x);
    return (x) => Number(BigInt.asIntN(32, x as bigint));
  }
  if (to === "i64") return isFloatLane(from) ? (x) => truncateToI64(x as number) : (x) => BigInt(x);
  if (!isFloatLane(from) || isFloatLane(to)) return (x) => x;
  if (to !== "i32") throw new Error(`internal: conversion of ${from} to ${to}`);
  return (x) => truncateToI32(x as number);
}

/** Bounds a narrowing saturates at. */
export function saturation(
  element: LaneElement,
  unsigned: boolean,
): { readonly low: number; readonly high: number } {
  const high = { i8: 127, i16: 32_767, i32: 2 ** 31 - 1 }[element as "i8" | "i16" | "i32"];
  return unsigned ? { low: 0, high: 2 * high + 1 } : { low: -high - 1, high };
}
