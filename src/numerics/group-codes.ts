/**
 * Integers as codes of few bits that groups shift: how weights with a scale for each group of a channel's inputs are kept.
 *
 *     element[c, i] = code[c, i] · 2^shift[c, g],   g = ⌊i / size⌋           real = scale[c] · element[c, i]
 *
 * for rows c along axis 0, whose elements i are all others in row-major order. A power of two between groups keeps their sum one exact
 * integer, Σ_g (Σ_i x · code) << shift, with one rescaling a channel (algorithms.md section 3).
 */
import { elementBits, elementRange, holdsInteger, type NarrowElementType } from "../tensor/element-type.ts";
import { numbersOf, type Tensor } from "../tensor/tensor.ts";

export interface GroupCodes {
  /** Of a code. */
  readonly element: NarrowElementType;
  /** Elements a group, a power of two; the last group of a row may have fewer. */
  readonly size: number;
  /** u8, [rows, groups of a row]. */
  readonly shifts: Tensor;
}

/** Integers that codes stand for fit i8. */
const largestInteger = 127;

export const mostShift = (element: NarrowElementType): number =>
  31 - Math.clz32(largestInteger / elementRange(element).max);

export const groupsOfRow = (rowLength: number, size: number): number => Math.ceil(rowLength / size);

export const rowLengthOf = (shape: readonly number[]): number => shape.slice(1).reduce((n, d) => n * d, 1);

/** 2^shift for each element of each row, rows one after the other. */
export function groupFactors(shape: readonly number[], { size, shifts }: GroupCodes): Int32Array {
  const length = rowLengthOf(shape);
  const groups = groupsOfRow(length, size);
  const amounts = numbersOf(shifts);
  return Int32Array.from(
    { length: shape[0]! * length },
    (_, i) => 1 << amounts[Math.floor(i / length) * groups + Math.floor((i % length) / size)]!,
  );
}

/** The position of the first integer that no code of its group stands for, or -1. */
export function findUncoded(value: Tensor, codes: GroupCodes): number {
  const factors = groupFactors(value.shape, codes);
  return numbersOf(value).findIndex((x: number, i: number) => {
    const code = x / factors[i]!;
    return !Number.isInteger(code) || !holdsInteger(codes.element, code);
  });
}

/** Codes of all elements, in their order. */
export function toCodes(value: Tensor, codes: GroupCodes): Int8Array {
  const factors = groupFactors(value.shape, codes);
  return Int8Array.from(numbersOf(value), (x, i) => x / factors[i]!);
}

/** What codes and shifts take, as bits that follow one another. */
export const codedBits = (shape: readonly number[], { element, size, shifts }: GroupCodes): number =>
  shape[0]! * groupsOfRow(rowLengthOf(shape), size) * size * elementBits(element) +
  shifts.data.length * elementBits(shiftElement);

/** Of a shift in memory: it holds 0 … 7. */
export const shiftElement = "i4";
