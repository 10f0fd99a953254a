/**
 * A tensor: a shape, an element type and one dense typed array in row-major order.
 *
 * Plain data without methods, so that any module can make one and workers can send one. `data.length` equals the
 * product of the shape (1 for a scalar, whose shape is empty); `tensor` is the one place that checks it.
 */
import type { ElementType, NarrowElementType } from "./element-type.ts";
import { holdsInteger, isFloat, isNarrow, narrowElementTypes } from "./element-type.ts";

/** The typed arrays whose elements are numbers. */
export type NumberArray =
  Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

export type TensorData = NumberArray | BigInt64Array | BigUint64Array;

export interface Tensor {
  readonly shape: readonly number[];
  readonly element: ElementType;
  readonly data: TensorData;
}

const narrowArrays = Object.fromEntries(narrowElementTypes.map((name) => [name, Int8Array])) as Record<
  NarrowElementType,
  typeof Int8Array
>;

/** The typed array of each element type. */
export const arrayTypes = {
  ...narrowArrays,
  f32: Float32Array,
  f64: Float64Array,
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** The typed array that stores elements of type `E`. */
export type ArrayOf<E extends ElementType> = InstanceType<(typeof arrayTypes)[E]>;

/** The number of elements of a shape: the product of its sizes, 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** The distance in elements between neighbours along each axis, row-major: the last axis has stride 1. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape.toReversed()) {
    strides.unshift(stride);
    stride *= size;
  }
  return strides;
}

/** A zero-filled array for `count` elements. */
export function allocate<E extends ElementType>(element: E, count: number): ArrayOf<E> {
  return new arrayTypes[element](count) as ArrayOf<E>;
}

/** True when `data` is the kind of array that stores `element`. */
export function stores(element: ElementType, data: object): data is TensorData {
  return data instanceof arrayTypes[element];
}

/**
 * A tensor of the given type and shape, zero-filled without `data`.
 *
 * An array of the element's own kind is kept, not copied (but bools are normalized to 0 and 1 in a copy if need be);
 * anything else is converted: floats round to f32, integers must fit.
 *
 * @throws internal, when the length does not fit the shape or a value does not fit the element type
 */
export function tensor(
  element: ElementType,
  shape: readonly number[],
  data?: TensorData | ArrayLike<number> | ArrayLike<bigint>,
): Tensor {
  const count = elementCount(shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(count)) {
    throw new Error(`internal: [${shape.join(", ")}] is no shape`);
  }
  if (data === undefined) return { shape, element, data: allocate(element, count) };
  if (data.length !== count) {
    throw new Error(`internal: ${data.length} elements for the shape [${shape.join(", ")}] of ${count}`);
  }
  const kept = stores(element, data) && (element !== "bool" || isBooleanArray(data));
  const made: Tensor = { shape, element, data: kept ? data : converted(element, data) };
  const foreign = findForeignInteger(made);
  if (foreign >= 0) throw new Error(`internal: ${String(made.data[foreign])} does not fit ${element}`);
  return made;
}

/** The position of the first integer that a narrow element type lacks, though the byte it lies in could hold it, or -1. */
export function findForeignInteger({ element, data }: Tensor): number {
  return isNarrow(element) ? (data as Int8Array).findIndex((value) => !holdsInteger(element, value)) : -1;
}

/**
 * The elements as numbers: the tensor's own array, or a Float64Array made of a 64-bit one.
 *
 * @throws internal, when a 64-bit element is beyond 2^53 - 1 in magnitude
 */
export function numbersOf(tensor: Tensor): NumberArray {
  const { data } = tensor;
  if (!(data instanceof BigInt64Array) && !(data instanceof BigUint64Array)) return data;
  return Float64Array.from(data, (value) => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Error(`internal: ${value.toString()} is no safe integer`);
    return number;
  });
}

/** As `numbersOf`, but 64-bit elements saturate at ±(2^53 - 1). For bounds that mean "to the end", as in ONNX. */
export function saturatedNumbersOf(tensor: Tensor): NumberArray {
  const { data } = tensor;
  if (!(data instanceof BigInt64Array) && !(data instanceof BigUint64Array)) return data;
  const limit = Number.MAX_SAFE_INTEGER;
  return Float64Array.from(data, (value) => Math.max(-limit, Math.min(limit, Number(value))));
}

function isBooleanArray(data: TensorData): boolean {
  return (data as Uint8Array).every((value) => value <= 1);
}

/** A typed array wraps what does not fit, so whatever it holds afterwards tells. */
function converted(element: ElementType, data: ArrayLike<number> | ArrayLike<bigint>): TensorData {
  const result = allocate(element, data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    let fits = true;
    if (result instanceof BigInt64Array || result instanceof BigUint64Array) {
      const wide = typeof value === "bigint" || Number.isInteger(value) ? BigInt(value) : undefined;
      result[i] = wide ?? 0n;
      fits = result[i] === wide;
    } else if (element === "bool") {
      result[i] = Number(value) === 0 ? 0 : 1;
    } else {
      result[i] = Number(value);
      fits = isFloat(element) || result[i] === Number(value);
    }
    if (!fits) throw new Error(`internal: ${String(value)} does not fit ${element}`);
  }
  return result;
}
