/**
 * Integers as codes of few bits that groups multiply: how weights with a scale for each group of a channel's inputs are kept.
 *
 *     element[c, i] = code[c, i] · factor[c, g],   g = ⌊i / size⌋            real = scale[c] · element[c, i]
 *
 * for rows c along axis 0, whose elements i are all others in row-major order. Whole factors between groups keep their sum one exact
 * integer, Σ_g factor · Σ_i x · code, with one rescaling a channel: algorithms.md section 3 with any small integer where that has powers
 * of two (Dai et al., "VS-Quant", section 4.2, has such two-level scales).
 */
import { elementBits, elementRange, holdsInteger, type NarrowElementType } from "../tensor/element-type.ts";
import { numbersOf, type Tensor } from "../tensor/tensor.ts";

export interface GroupCodes {
  /** Of a code. */
  readonly element: NarrowElementType;
  /** Elements a group, a power of two; the last group of a row may have fewer. */
  readonly size: number;
  /** u8, [rows, groups of a row], none below 1. */
  readonly factors: Tensor;
}

/** Integers that codes stand for fit i8, and a factor in memory four bits. */
export const mostFactor = (element: NarrowElementType): number =>
  Math.min(2 * factorBias - 1, Math.floor(127 / elementRange(element).max));

/** In memory a factor is the integer of this element that is less by the bias. */
export const factorElement = "i4";
export const factorBias = 8;

export const groupsOfRow = (rowLength: number, size: number): number => Math.ceil(rowLength / size);

export const rowLengthOf = (shape: readonly number[]): number => shape.slice(1).reduce((n, d) => n * d, 1);

/** The factor of each element of each row, rows one after the other. */
export function elementFactors(shape: readonly number[], { size, factors }: GroupCodes): Int32Array {
  const length = rowLengthOf(shape);
  const groups = groupsOfRow(length, size);
  const ofGroups = numbersOf(factors);
  return Int32Array.from(
    { length: shape[0]! * length },
    (_, i) => ofGroups[Math.floor(i / length) * groups + Math.floor((i % length) / size)]!,
  );
}

/** The position of the first integer that no code of its group stands for, or -1. */
export function findUncoded(value: Tensor, codes: GroupCodes): number {
  const factors = elementFactors(value.shape, codes);
  return numbersOf(value).findIndex((x: number, i: number) => {
    const code = x / factors[i]!;
    return !Number.isInteger(code) || !holdsInteger(codes.element, code);
  });
}

/** Codes of all elements, in their order. */
export function toCodes(value: Tensor, codes: GroupCodes): Int8Array {
  const factors = elementFactors(value.shape, codes);
  return Int8Array.from(numbersOf(value), (x, i) => x / factors[i]!);
}

/** What codes and factors take, as bits that follow one another. */
export const codedBits = (shape: readonly number[], { element, size, factors }: GroupCodes): number =>
  shape[0]! * groupsOfRow(rowLengthOf(shape), size) * size * elementBits(element) +
  factors.data.length * elementBits(factorElement);
