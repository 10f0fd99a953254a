/**
 * The safetensors format: the length of a JSON header (u64, little-endian), the header, the elements.
 *
 * The header maps names to `{dtype, shape, data_offsets: [begin, end]}`, offsets counted from the end of the header.
 * Read strictly: the tensors must tile the data without overlap, hole or rest, as the format demands, so that no two
 * readers can see different contents. Written deterministically: names sorted in the header, data sorted by element
 * size (largest first, which keeps every tensor aligned) and then by name. The format has no integers below 8 bits: narrow
 * elements are I8 there, and the text beside the file says which they are.
 * Source: github.com/huggingface/safetensors, README.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { bytesOfTensor, findBadBool, tensorOfBytes, tensorSizeBytes } from "./bytes.ts";
import type { ElementType } from "./element-type.ts";
import { elementSizeBytes, isElementType, isNarrow } from "./element-type.ts";
import type { Tensor } from "./tensor.ts";

const largestHeaderBytes = 100_000_000;

interface Entry {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** @throws DiagnosticError when the file breaks the format or holds an element type quern has not */
export function parseSafetensors(bytes: Uint8Array, file: string): Map<string, Tensor> {
  const subject = `file "${file}"`;
  const { header, dataOffsetBytes } = parseHeader(bytes, subject);
  const data = bytes.subarray(dataOffsetBytes);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => parseEntry(name, value, subject));
  checkTiling(entries, data.length, subject);
  return new Map(
    entries.map((entry) => {
      const part = data.subarray(entry.begin, entry.end);
      const bad = findBadBool(entry.element, part);
      if (bad >= 0) {
        const message = `element ${bad} of tensor '${entry.name}' is the bool ${part[bad]!}, expected 0 or 1`;
        fail("safetensors-bool", message, { subject });
      }
      return [entry.name, tensorOfBytes(entry.element, entry.shape, part)];
    }),
  );
}

/** @throws internal, when a tensor is called `__metadata__` */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: ReadonlyMap<string, string>,
): Uint8Array {
  if (tensors.has("__metadata__")) throw new Error("internal: a tensor called __metadata__");
  const byName = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const bySize = byName.toSorted(([, a], [, b]) => elementSizeBytes(b.element) - elementSizeBytes(a.element));

  const offsets = new Map<string, number>();
  let sizeBytes = 0;
  for (const [name, value] of bySize) {
    offsets.set(name, sizeBytes);
    sizeBytes += value.data.byteLength;
  }
  // Built from strings, since an object would move names that look like integers to its front.
  const members = byName.map(([name, value]) => {
    const begin = offsets.get(name)!;
    const entry = {
      dtype: isNarrow(value.element) ? "I8" : value.element.toUpperCase(),
      shape: value.shape,
      data_offsets: [begin, begin + value.data.byteLength],
    };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (metadata !== undefined) {
    const pairs = [...metadata].sort(([a], [b]) => (a < b ? -1 : 1));
    const object = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    members.unshift(`"__metadata__":{${object.join(",")}}`);
  }
  const unpadded = new TextEncoder().encode(`{${members.join(",")}}`);
  const headerBytes = Math.ceil(unpadded.length / 8) * 8;

  const bytes = new Uint8Array(8 + headerBytes + sizeBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(unpadded, 8);
  for (const [name, value] of bySize) bytes.set(bytesOfTensor(value), 8 + headerBytes + offsets.get(name)!);
  return bytes;
}

function parseHeader(bytes: Uint8Array, subject: string): { header: object; dataOffsetBytes: number } {
  if (bytes.length < 8)
    fail("safetensors-truncated", `a file of ${bytes.length} bytes, expected 8 or more`, { subject });
  const declared = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true);
  if (declared > BigInt(largestHeaderBytes)) {
    const message = `a header of ${declared.toString()} bytes, expected at most ${largestHeaderBytes}`;
    fail("safetensors-header", message, { subject, help: "check that this is a safetensors file" });
  }
  const dataOffsetBytes = 8 + Number(declared);
  if (dataOffsetBytes > bytes.length) {
    const message = `a header of ${declared.toString()} bytes in a file of ${bytes.length}`;
    fail("safetensors-truncated", message, { subject });
  }
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataOffsetBytes));
    header = text.startsWith("{") ? JSON.parse(text) : undefined;
  } catch {
    header = undefined;
  }
  if (!isObject(header)) fail("safetensors-header", "the header is no JSON object", { subject });
  return { header, dataOffsetBytes };
}

function parseEntry(name: string, value: unknown, subject: string): Entry {
  const entry = isObject(value) ? (value as Record<string, unknown>) : {};
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    const message = `the entry of tensor '${name}' has not the form {dtype, shape, data_offsets}`;
    fail("safetensors-entry", message, { subject });
  }
  const element = dtype.toLowerCase();
  if (!isElementType(element) || isNarrow(element) || dtype !== element.toUpperCase()) {
    fail("safetensors-type", `tensor '${name}' has the element type '${dtype}', which is not supported`, {
      subject,
      help: "convert it to F32",
    });
  }
  const [begin, end] = offsets as [number, number];
  const sizeBytes = tensorSizeBytes(element, shape);
  if (sizeBytes === undefined || end - begin !== sizeBytes) {
    const expected = sizeBytes === undefined ? "a shape within the limits" : String(sizeBytes);
    const message = `tensor '${name}' of shape [${shape.join(", ")}] takes ${end - begin} bytes, expected ${expected}`;
    fail("safetensors-size", message, { subject });
  }
  return { name, element, shape, begin, end };
}

function checkTiling(entries: readonly Entry[], dataBytes: number, subject: string): void {
  let next = 0;
  for (const entry of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin !== next) {
      const what = entry.begin < next ? "overlaps the tensor before it" : "leaves a hole before it";
      const message = `tensor '${entry.name}' ${what}: it begins at ${entry.begin}, expected ${next}`;
      fail("safetensors-overlap", message, { subject });
    }
    next = entry.end;
  }
  if (next !== dataBytes) {
    fail("safetensors-truncated", `${dataBytes} bytes of elements, expected ${next}`, { subject });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
