/**
 * numpy's `.npy` files, versions 1 to 3: `\x93NUMPY`, a version, the length of a header, the header, the elements.
 *
 * Read: little-endian, C order, the element types of element-type.ts. Anything else is refused with a cure, because
 * a silent conversion would hide what the network was really given. Every limit is checked before memory is spent.
 * Source: numpy.lib.format.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { bytesOfTensor, findBadBool, tensorOfBytes, tensorSizeBytes } from "./bytes.ts";
import type { ElementType } from "./element-type.ts";
import { parseNpyDictionary } from "./npy-dictionary.ts";
import type { Tensor } from "./tensor.ts";

export interface NpyHeader {
  readonly element: ElementType;
  readonly shape: readonly number[];
  /** Where the elements begin, from the start of the file. */
  readonly dataOffsetBytes: number;
  /** How many bytes they take. */
  readonly dataSizeBytes: number;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const largestHeaderBytes = 65536;

/** A prefix this long holds any header that is not refused. */
export const npyPrefixBytes = 12 + largestHeaderBytes;

const elementOfCode = new Map<string, ElementType>([
  ["f4", "f32"],
  ["f8", "f64"],
  ["i1", "i8"],
  ["u1", "u8"],
  ["i2", "i16"],
  ["u2", "u16"],
  ["i4", "i32"],
  ["u4", "u32"],
  ["i8", "i64"],
  ["u8", "u64"],
  ["b1", "bool"],
]);

/**
 * Reads the header from the first bytes of a file, so that its samples can be streamed.
 *
 * @param prefix the whole file, or at least its first `npyPrefixBytes`
 * @throws DiagnosticError for anything that is no npy file of the kind described above
 */
export function parseNpyHeader(prefix: Uint8Array, file: string): NpyHeader {
  const subject = `file "${file}"`;
  if (prefix.length < magic.length || !magic.every((byte, i) => prefix[i] === byte)) {
    fail("npy-magic", "this is no npy file: it does not begin with '\\x93NUMPY'", {
      subject,
      help: "write it with numpy.save",
    });
  }
  const major = prefix[6] ?? 0;
  if (prefix.length >= 8 && (major < 1 || major > 3)) {
    fail("npy-version", `npy version ${major}.${prefix[7] ?? 0}, expected 1, 2 or 3`, { subject });
  }
  const lengthOffset = 8;
  const headerOffset = major === 1 ? 10 : 12;
  if (prefix.length < headerOffset) truncated("its header's length", subject);
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
  const headerBytes = major === 1 ? view.getUint16(lengthOffset, true) : view.getUint32(lengthOffset, true);
  if (headerBytes > largestHeaderBytes) {
    fail("npy-header", `an npy header of ${headerBytes} bytes, expected at most ${largestHeaderBytes}`, {
      subject,
    });
  }
  const dataOffsetBytes = headerOffset + headerBytes;
  if (prefix.length < dataOffsetBytes) truncated("its header", subject);
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(
    prefix.subarray(headerOffset, dataOffsetBytes),
  );

  const dictionary = parseNpyDictionary(text, subject);
  const element = elementOfDescr(dictionary.descr, subject);
  const { shape } = dictionary;
  if (dictionary.fortranOrder && shape.length > 1) {
    fail("npy-order", "the elements are in Fortran order, expected C order", {
      subject,
      help: "save numpy.ascontiguousarray(x)",
    });
  }
  const dataSizeBytes = tensorSizeBytes(element, shape);
  if (dataSizeBytes === undefined) {
    fail("npy-shape", `the shape (${shape.join(", ")}) of ${element} is beyond the limits`, { subject });
  }
  return { element, shape, dataOffsetBytes, dataSizeBytes };
}

/**
 * Reads a whole file. The tensor owns its memory.
 *
 * @throws DiagnosticError as `parseNpyHeader`, and when the elements are too few or too many
 */
export function parseNpy(bytes: Uint8Array, file: string): Tensor {
  const { element, shape, dataOffsetBytes, dataSizeBytes } = parseNpyHeader(bytes, file);
  const subject = `file "${file}"`;
  const data = bytes.subarray(dataOffsetBytes);
  if (data.length < dataSizeBytes) {
    fail("npy-truncated", `${data.length} bytes of elements, expected ${dataSizeBytes}`, { subject });
  }
  if (data.length > dataSizeBytes) {
    fail("npy-trailing", `${data.length - dataSizeBytes} bytes after the elements, expected none`, {
      subject,
    });
  }
  const bad = findBadBool(element, data);
  if (bad >= 0) fail("npy-bool", `element ${bad} is the bool ${data[bad]!}, expected 0 or 1`, { subject });
  return tensorOfBytes(element, shape, data);
}

/** Writes version 1, byte for byte as numpy.save does. */
export function writeNpy(tensor: Tensor): Uint8Array {
  const code = [...elementOfCode].find(([, element]) => element === tensor.element)![0];
  const descr = `${code.endsWith("1") ? "|" : "<"}${code}`;
  const comma = tensor.shape.length === 1 ? "," : "";
  const shape = `(${tensor.shape.join(", ")}${comma})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  // numpy leaves room for the first axis to grow to 21 digits in place, then pads the whole to 64 bytes.
  const growth = tensor.shape.length === 0 ? 0 : 21 - String(tensor.shape[0]).length;
  const unpadded = 10 + dictionary.length + growth + 1;
  const padding = 64 - (unpadded % 64);
  const header = `${dictionary}${" ".repeat(growth + padding)}\n`;

  const data = bytesOfTensor(tensor);
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([...magic, 1, 0, header.length % 256, Math.floor(header.length / 256)]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}

function elementOfDescr(descr: string, subject: string): ElementType {
  const code = descr.slice(1);
  const element = elementOfCode.get(code);
  if (element === undefined) {
    const help =
      code === "f2"
        ? "save x.astype(numpy.float32)"
        : `save one of ${[...elementOfCode.values()].join(", ")}, for instance x.astype(numpy.float32)`;
    fail("npy-type", `the element type '${descr}' is not supported`, { subject, help });
  }
  if (descr.startsWith(">") && !code.endsWith("1")) {
    fail("npy-endian", `the elements are big-endian ('${descr}'), expected little-endian`, {
      subject,
      help: `save x.astype("<${code}")`,
    });
  }
  return element;
}

function truncated(what: string, subject: string): never {
  fail("npy-truncated", `the npy file ends within ${what}`, { subject });
}
