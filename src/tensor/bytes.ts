/**
 * Tensors as little-endian bytes, which is how every file format here stores them.
 *
 * Typed arrays use the host's byte order; all hosts that run JavaScript engines with WebAssembly are little-endian,
 * and `tensorOfBytes` refuses to work elsewhere rather than read nonsense.
 */
import type { ElementType } from "./element-type.ts";
import { elementSizeBytes } from "./element-type.ts";
import type { Tensor } from "./tensor.ts";
import { allocate, elementCount } from "./tensor.ts";

/** Tensors larger than this are refused before memory is spent on them. */
export const largestTensorBytes = 2 ** 32;

/** The greatest number of axes a file may give a tensor (numpy allows 64, every network stays below 8). */
export const largestRank = 32;

/** The bytes that a tensor of this type and shape takes, or undefined when they are no safe number or too many. */
export function tensorSizeBytes(element: ElementType, shape: readonly number[]): number | undefined {
  if (shape.length > largestRank) return undefined;
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
  if (shape.includes(0)) return 0;
  let sizeBytes = elementSizeBytes(element);
  for (const size of shape) {
    sizeBytes *= size;
    if (sizeBytes > largestTensorBytes) return undefined;
  }
  return sizeBytes;
}

/**
 * A tensor with a copy of the bytes, which may be unaligned.
 *
 * @throws internal, when the length is not what the type and the shape need
 */
export function tensorOfBytes(element: ElementType, shape: readonly number[], bytes: Uint8Array): Tensor {
  if (!isLittleEndian()) throw new Error("internal: quern needs a little-endian host");
  const data = allocate(element, elementCount(shape));
  if (data.byteLength !== bytes.length) {
    throw new Error(`internal: ${bytes.length} bytes for ${data.byteLength} of a tensor`);
  }
  new Uint8Array(data.buffer).set(bytes);
  return { shape, element, data };
}

/** The tensor's own memory, not a copy. */
export function bytesOfTensor(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The position of the first bool that is neither 0 nor 1, or -1. */
export function findBadBool(element: ElementType, bytes: Uint8Array): number {
  return element === "bool" ? bytes.findIndex((value) => value > 1) : -1;
}

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}
