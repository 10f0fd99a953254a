/**
 * Where a tensor's elements lie: storage is an attribute of the buffer, not of the expression. A schedule multiplies logical indices by
 * strides; the stored value is the logical one minus `bias`; a border around the tensor holds real zero.
 */
import type { Affine, TensorReference } from "../expr/expression.ts";
import {
  factorBias,
  factorElement,
  groupsOfRow,
  rowLengthOf,
  toCodes,
  type GroupCodes,
} from "../numerics/group-codes.ts";
import { isNarrow, type ElementType } from "../tensor/element-type.ts";
import { numbersOf, tensor as tensorOf } from "../tensor/tensor.ts";
import type { Buffer, MemoryElement, TensorStorage } from "./loop.ts";
import { codeOf, elementsOfWholeWords, packBytes, packingOf, type Packing } from "./packing.ts";
import type { Target } from "./target.ts";

/** Bytes a vector load may read past the last element it needs. */
export const vectorSlackBytes = 16;

export interface Layout {
  readonly buffer: Buffer;
  /** In elements, one per axis. */
  readonly strides: readonly number[];
  /** Elements before the tensor's first element. */
  readonly start: number;
  /** logical = stored + bias. */
  readonly bias: number;
  /** Readable elements before and after each axis, all holding `borderValue`. */
  readonly border: readonly Border[];
  /** The logical value in the border. */
  readonly borderValue: number;
  /** The buffer holds bits, and strides and start count elements of them (packing.ts). */
  readonly packing?: Packing;
  /** Its codes are to be multiplied, element i by element ⌊i / size⌋ of `factors`. */
  readonly groups?: { readonly size: number; readonly factors: Layout };
}

export interface Border {
  readonly before: number;
  readonly after: number;
}

export const noBorder: Border = { before: 0, after: 0 };
export const hasBorder = (layout: Layout): boolean => layout.border.some((b) => b.before + b.after > 0);

export function denseStrides(shape: readonly number[], border: readonly Border[] = []): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    const { before, after } = border[axis + 1] ?? noBorder;
    strides[axis] = strides[axis + 1]! * (shape[axis + 1]! + before + after);
  }
  return strides;
}

/** Elements of a bordered tensor in row-major order, and the place of its first. */
export function extentOf(
  shape: readonly number[],
  border: readonly Border[],
): { count: number; start: number } {
  const strides = denseStrides(shape, border);
  const { before, after } = border[0] ?? noBorder;
  const count = shape.length === 0 ? 1 : strides[0]! * (shape[0]! + before + after);
  const start = strides.reduce((sum, stride, axis) => sum + stride * (border[axis]?.before ?? 0), 0);
  return { count, start };
}

export const storageOf = (tensor: TensorReference, layout: Layout): TensorStorage => ({
  tensor: tensor.name,
  element: tensor.element,
  buffer: layout.buffer,
  shape: tensor.shape,
  strides: layout.strides,
  start: layout.start,
  bias: layout.bias,
});

/** The element's place, in elements of the buffer, as an affine function of the index variables. */
export function flatIndex(layout: Layout, index: readonly Affine[]): Affine {
  let constant = layout.start;
  const factors = new Map<Affine["terms"][number]["variable"], number>();
  index.forEach((part, axis) => {
    const stride = layout.strides[axis]!;
    constant += part.constant * stride;
    for (const { variable, factor } of part.terms)
      if (variable.extent > 1) factors.set(variable, (factors.get(variable) ?? 0) + factor * stride);
  });
  return {
    constant,
    terms: [...factors].filter(([, f]) => f !== 0).map(([variable, factor]) => ({ variable, factor })),
  };
}

/**
 * A constant in memory: dense, with room behind it for a vector read that overhangs; narrow elements as bits, and codes for scalar
 * code, as vectors read constants that a schedule packed for them.
 */
export function constantLayout(tensor: TensorReference, target: Target): Layout {
  const { element, codes } = tensor;
  if (isNarrow(element)) return packedLayout(tensor, packingOf(element));
  if (codes !== undefined && target.vector === undefined) return codedLayout(tensor, codes);
  const given = tensor.data!.data;
  const data =
    given instanceof BigUint64Array ? new BigInt64Array(given.buffer, given.byteOffset, given.length) : given;
  return {
    buffer: {
      name: tensor.name,
      element: memoryElement(tensor.element),
      count: data.length,
      slackBytes: target.vector === undefined ? 0 : vectorSlackBytes,
      alignBytes: target.vector === undefined ? 4 : 16,
      role: "constant",
      data,
    },
    strides: denseStrides(tensor.shape),
    start: 0,
    bias: 0,
    border: tensor.shape.map(() => noBorder),
    borderValue: tensor.zero ?? 0,
  };
}

/** Rows may grow by this part to begin at whole bytes, where their elements' places are known when the code is made. */
const largestPadding = 1 / 8;

function packedLayout({ name, shape, data }: TensorReference, packing: Packing): Layout {
  const elements = data!.data as Int8Array;
  const row = shape.at(-1) ?? 1;
  const block = elementsOfWholeWords(packing.bits, 8);
  const whole = Math.ceil(row / block) * block;
  const stride = whole <= row * (1 + largestPadding) ? whole : row;
  const strides = denseStrides([...shape.slice(0, -1), stride]).slice(0, shape.length);
  return layoutOfBits(name, shape, strides, inRows(elements, row, stride, packing), packing);
}

/** Codes of whole groups a row, so that an element's place tells its group, and beside them the factors. */
function codedLayout({ name, shape, data }: TensorReference, codes: GroupCodes): Layout {
  const { element, size, factors } = codes;
  const packing = packingOf(element);
  const length = rowLengthOf(shape);
  const stride = groupsOfRow(length, size) * size;
  const strides = [stride, ...denseStrides(shape).slice(1)];
  const biased = Array.from(numbersOf(factors), (factor) => factor - factorBias);
  const shapeOfFactors = [biased.length];
  return {
    ...layoutOfBits(name, shape, strides, inRows(toCodes(data!, codes), length, stride, packing), packing),
    groups: {
      size,
      factors: {
        ...packedLayout(
          {
            name: `${name}:factors`,
            shape: shapeOfFactors,
            element: factorElement,
            data: tensorOf(factorElement, shapeOfFactors, biased),
          },
          packingOf(factorElement),
        ),
        bias: factorBias,
      },
    },
  };
}

function inRows(elements: Int8Array, row: number, stride: number, packing: Packing): Int8Array {
  const rows = row === 0 ? 0 : elements.length / row;
  const codes = new Int8Array(rows * stride);
  elements.forEach((value, i) => {
    codes[Math.floor(i / row) * stride + (i % row)] = codeOf(value, packing);
  });
  return codes;
}

function layoutOfBits(
  name: string,
  shape: readonly number[],
  strides: readonly number[],
  codes: Int8Array,
  packing: Packing,
): Layout {
  // Reading an element may take in the byte after it.
  const bytes = packBytes(codes, packing.bits);
  const bits = new Uint8Array(bytes.length + (8 % packing.bits === 0 ? 0 : 1));
  bits.set(bytes);
  return {
    buffer: {
      name,
      element: "u8",
      count: bits.length,
      slackBytes: 0,
      alignBytes: 4,
      role: "constant",
      data: bits,
    },
    strides,
    start: 0,
    bias: 0,
    border: shape.map(() => noBorder),
    borderValue: 0,
    packing,
  };
}

export function memoryElement(element: ElementType): MemoryElement {
  if (element === "bool") return "u8";
  if (isNarrow(element)) return "i8";
  if (element === "u64") return "i64";
  return element;
}
