/**
 * Logical tensors in and out of the memory of a program, whoever runs it: the loop interpreter, a WASM instance, a C library.
 *
 * Element [i0, i1, …] lies at `start + Σ stride·i` elements into the buffer and holds `logical - bias`. Borders and channel padding
 * around the elements are left as they are: filling them is the program's business. Bytes are little-endian and may be unaligned.
 */
import { bytesOfTensor, tensorOfBytes } from "../tensor/bytes.ts";
import { isBigInteger } from "../tensor/element-type.ts";
import { elementCount, tensor, type Tensor } from "../tensor/tensor.ts";
import { laneBytes, type MemoryElement, type TensorStorage } from "./loop.ts";

interface Accessor {
  readonly get: (view: DataView, at: number) => number | bigint;
  readonly set: (view: DataView, at: number, value: number | bigint) => void;
}

const accessors: Readonly<Record<MemoryElement, Accessor>> = {
  i8: {
    get: (v, at) => v.getInt8(at),
    set: (v, at, x) => {
      v.setInt8(at, Number(x));
    },
  },
  u8: {
    get: (v, at) => v.getUint8(at),
    set: (v, at, x) => {
      v.setUint8(at, Number(x));
    },
  },
  i16: {
    get: (v, at) => v.getInt16(at, true),
    set: (v, at, x) => {
      v.setInt16(at, Number(x), true);
    },
  },
  u16: {
    get: (v, at) => v.getUint16(at, true),
    set: (v, at, x) => {
      v.setUint16(at, Number(x), true);
    },
  },
  i32: {
    get: (v, at) => v.getInt32(at, true),
    set: (v, at, x) => {
      v.setInt32(at, Number(x), true);
    },
  },
  u32: {
    get: (v, at) => v.getUint32(at, true),
    set: (v, at, x) => {
      v.setUint32(at, Number(x), true);
    },
  },
  i64: {
    get: (v, at) => v.getBigInt64(at, true),
    set: (v, at, x) => {
      v.setBigInt64(at, BigInt(x), true);
    },
  },
  f32: {
    get: (v, at) => v.getFloat32(at, true),
    set: (v, at, x) => {
      v.setFloat32(at, Number(x), true);
    },
  },
  f64: {
    get: (v, at) => v.getFloat64(at, true),
    set: (v, at, x) => {
      v.setFloat64(at, Number(x), true);
    },
  },
};

/**
 * Writes a tensor where the program expects it. `baseBytes` is where the storage's buffer begins in `memory`.
 *
 * @throws internal, when the tensor is not of the storage's element and shape, or a stored value does not fit the buffer's element
 */
export function writeTensor(
  storage: TensorStorage,
  value: Tensor,
  memory: ArrayBufferLike | Uint8Array,
  baseBytes = 0,
): void {
  const { tensor: name, element, shape, bias, buffer } = storage;
  const same = value.shape.length === shape.length && value.shape.every((extent, i) => extent === shape[i]);
  if (value.element !== element || !same)
    throw new Error(
      `internal: ${name} is ${element}[${shape.join(", ")}], given ${value.element}[${value.shape.join(", ")}]`,
    );
  if (isPlain(storage)) {
    const bytes = bytesOfTensor(value);
    const target = bytesIn(memory);
    forEachRun(storage, baseBytes, (at, from, sizeBytes) => {
      target.set(bytes.subarray(from, from + sizeBytes), at);
    });
    return;
  }
  const view = viewOf(memory);
  const { get, set } = accessors[buffer.element];
  const { data } = value;
  const float = buffer.element === "f32" || buffer.element === "f64";
  forEachElement(storage, baseBytes, (at, i) => {
    const logical = element === "u64" ? BigInt.asIntN(64, data[i] as bigint) : data[i]!;
    const stored =
      bias === 0 ? logical : typeof logical === "bigint" ? logical - BigInt(bias) : logical - bias;
    set(view, at, stored);
    if (!float && BigInt(get(view, at)) !== BigInt(stored))
      throw new Error(`internal: ${stored} of ${name} does not fit its ${buffer.element} buffer`);
  });
}

/** Reads a tensor back; the counterpart of `writeTensor`. Throws internal when a value does not fit the logical element. */
export function readTensor(
  storage: TensorStorage,
  memory: ArrayBufferLike | Uint8Array,
  baseBytes = 0,
): Tensor {
  const { element, shape, bias, buffer } = storage;
  if (isPlain(storage)) {
    const source = bytesIn(memory);
    const bytes = new Uint8Array(elementCount(shape) * laneBytes[buffer.element]);
    forEachRun(storage, baseBytes, (at, to, sizeBytes) => {
      bytes.set(source.subarray(at, at + sizeBytes), to);
    });
    return tensorOfBytes(element, shape, bytes);
  }
  const view = viewOf(memory);
  const { get } = accessors[buffer.element];
  const count = elementCount(shape);
  const big = isBigInteger(element);
  const bigs = new Array<bigint>(big ? count : 0);
  const numbers = new Array<number>(big ? 0 : count);
  forEachElement(storage, baseBytes, (at, i) => {
    const stored = get(view, at);
    if (big) bigs[i] = logicalBig(element, BigInt(stored) + BigInt(bias));
    else numbers[i] = bias === 0 ? Number(stored) : Number(stored) + bias; // -0 + 0 would be 0
  });
  return big ? tensor(element, shape, bigs) : tensor(element, shape, numbers);
}

/** u64 has no buffer element of its own: its bits lie in an i64. */
const logicalBig = (element: string, value: bigint): bigint =>
  element === "u64" ? BigInt.asUintN(64, value) : value;

/** Stored as it is: whole runs of bytes can be copied, which is how measuring passes see millions of elements. */
const isPlain = ({ element, bias, buffer }: TensorStorage): boolean =>
  buffer.element === element && bias === 0;

/** Byte address, place in the dense tensor and length, in bytes, of every run of elements that lie side by side. */
function forEachRun(
  storage: TensorStorage,
  baseBytes: number,
  visit: (atBytes: number, denseBytes: number, sizeBytes: number) => void,
): void {
  const { shape, strides } = storage;
  let inner = 1;
  let axes = shape.length;
  while (axes > 0 && (strides[axes - 1] === inner || shape[axes - 1] === 1)) inner *= shape[--axes]!;
  const { tensor: name, start, buffer } = storage;
  const sizeBytes = laneBytes[buffer.element];
  const outer = { tensor: name, shape: shape.slice(0, axes), strides: strides.slice(0, axes), start, buffer };
  if (inner === 0) return;
  forEachElement(outer, baseBytes, (at, i) => {
    if ((at - baseBytes) / sizeBytes + inner > buffer.count)
      throw new Error(`internal: ${name} lies outside its buffer ${buffer.name}`);
    visit(at, i * inner * sizeBytes, inner * sizeBytes);
  });
}

/** Byte address and row-major number of every element. */
function forEachElement(
  { tensor: name, shape, strides, start, buffer }: Omit<TensorStorage, "element" | "bias">,
  baseBytes: number,
  visit: (atBytes: number, i: number) => void,
): void {
  const sizeBytes = laneBytes[buffer.element];
  const position = shape.map(() => 0);
  const count = elementCount(shape);
  let offset = start;
  for (let i = 0; i < count; i++) {
    if (offset < 0 || offset >= buffer.count)
      throw new Error(`internal: ${name} lies outside its buffer ${buffer.name}`);
    visit(baseBytes + offset * sizeBytes, i);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      offset -= shape[axis]! * strides[axis]!;
      position[axis] = 0;
    }
  }
}

const bytesIn = (memory: ArrayBufferLike | Uint8Array): Uint8Array =>
  memory instanceof Uint8Array ? memory : new Uint8Array(memory);

function viewOf(memory: ArrayBufferLike | Uint8Array): DataView {
  return memory instanceof Uint8Array
    ? new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
    : new DataView(memory);
}
