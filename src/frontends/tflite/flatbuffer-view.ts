/**
 * A bounded view of a FlatBuffers file. Every position is checked before it is read, so that no file, however damaged or hostile, makes
 * a read outside the bytes; everything made from the file (tables, elements of vectors, characters) is counted against a budget,
 * so that offsets that point to one place from many cannot make much of little.
 *
 *     file     u32 position of the root table, four characters of identification
 *     table    i32 distance back to its vtable; fields as the vtable says
 *     vtable   u16 its size, u16 the table's size, u16 a field: its distance from the table, 0 when absent
 *     vector   u32 length, elements; strings are vectors of bytes; what is not inline is a u32 distance forward
 *
 * There is no recursion here: readers follow a schema of fixed depth. Source: the FlatBuffers binary format specification.
 */
import { fail } from "../../diagnostics/diagnostic.ts";

/** Tables, vector elements and characters that a file may give rise to; the bytes of weights are views and count nothing. */
const budgetLimit = 2 ** 24;

const notAModelHelp = "give the path of a .tflite file that is whole";

/** The file, and what is left of its budget. */
export interface FlatFile {
  readonly bytes: Uint8Array;
  readonly data: DataView;
  budget: number;
}

/** A table at a position that was checked. */
export interface FlatTable {
  readonly file: FlatFile;
  readonly position: number;
  readonly vtable: number;
  readonly vtableBytes: number;
  readonly tableBytes: number;
}

/** @throws DiagnosticError tflite-format */
export function openFlatFile(bytes: Uint8Array, identification: string): FlatTable {
  const found = String.fromCharCode(...bytes.subarray(4, 8));
  if (bytes.length < 8 || found !== identification)
    refuse(`does not start like a TFLite model: it lacks the identification ${identification}`);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const file = { bytes, data, budget: budgetLimit };
  return tableAt(file, forward(file, 0));
}

function refuse(message: string): never {
  return fail("tflite-format", `the file ${message}`, { help: notAModelHelp });
}

function requireBytes({ bytes }: FlatFile, position: number, count: number): void {
  if (position < 0 || count < 0 || position + count > bytes.length)
    refuse(`points to ${count} bytes at ${position}, but has ${bytes.length}`);
}

function spend(file: FlatFile, count: number): void {
  file.budget -= count;
  if (file.budget < 0)
    fail("tflite-limit", `the file describes more than ${budgetLimit} things, which no model needs`, {
      help: notAModelHelp,
    });
}

/** Where the distance that stands at `position` leads. */
function forward(file: FlatFile, position: number): number {
  requireBytes(file, position, 4);
  return position + file.data.getUint32(position, true);
}

function tableAt(file: FlatFile, position: number): FlatTable {
  spend(file, 1);
  requireBytes(file, position, 4);
  const vtable = position - file.data.getInt32(position, true);
  requireBytes(file, vtable, 4);
  const vtableBytes = file.data.getUint16(vtable, true);
  const tableBytes = file.data.getUint16(vtable + 2, true);
  if (vtableBytes < 4) refuse(`has a table description of ${vtableBytes} bytes at ${vtable}`);
  requireBytes(file, vtable, vtableBytes);
  requireBytes(file, position, tableBytes);
  return { file, position, vtable, vtableBytes, tableBytes };
}

/** The position of a field of `sizeBytes`, or undefined when it is absent. */
function fieldAt(table: FlatTable, field: number, sizeBytes: number): number | undefined {
  const entry = 4 + 2 * field;
  if (entry + 2 > table.vtableBytes) return undefined;
  const distance = table.file.data.getUint16(table.vtable + entry, true);
  if (distance === 0) return undefined;
  if (distance + sizeBytes > table.tableBytes)
    refuse(`has a field at ${distance} of a table of ${table.tableBytes} bytes`);
  return table.position + distance;
}

const scalars = {
  i8: { sizeBytes: 1, read: (data: DataView, at: number) => data.getInt8(at) },
  u8: { sizeBytes: 1, read: (data: DataView, at: number) => data.getUint8(at) },
  i32: { sizeBytes: 4, read: (data: DataView, at: number) => data.getInt32(at, true) },
  u32: { sizeBytes: 4, read: (data: DataView, at: number) => data.getUint32(at, true) },
  f32: { sizeBytes: 4, read: (data: DataView, at: number) => data.getFloat32(at, true) },
  /** As the nearest double: nothing here needs all 64 bits. */
  i64: { sizeBytes: 8, read: (data: DataView, at: number) => Number(data.getBigInt64(at, true)) },
} as const;

type ScalarName = keyof typeof scalars;

export function scalarField(table: FlatTable, field: number, type: ScalarName, fallback = 0): number {
  const { sizeBytes, read } = scalars[type];
  const at = fieldAt(table, field, sizeBytes);
  return at === undefined ? fallback : read(table.file.data, at);
}

interface FlatVector {
  readonly start: number;
  readonly length: number;
}

function vectorField(table: FlatTable, field: number, elementBytes: number): FlatVector | undefined {
  const at = fieldAt(table, field, 4);
  if (at === undefined) return undefined;
  const { file } = table;
  const position = forward(file, at);
  requireBytes(file, position, 4);
  const length = file.data.getUint32(position, true);
  requireBytes(file, position + 4, length * elementBytes);
  return { start: position + 4, length };
}

/** Numbers, none where the field is absent. */
export function numbersField(table: FlatTable, field: number, type: ScalarName): number[] {
  const { sizeBytes, read } = scalars[type];
  const vector = vectorField(table, field, sizeBytes);
  if (vector === undefined) return [];
  spend(table.file, vector.length);
  return Array.from({ length: vector.length }, (_, i) => read(table.file.data, vector.start + i * sizeBytes));
}

/** A view of bytes, undefined where the field is absent. */
export function bytesField(table: FlatTable, field: number): Uint8Array | undefined {
  const vector = vectorField(table, field, 1);
  return vector && table.file.bytes.subarray(vector.start, vector.start + vector.length);
}

/** "" where the field is absent; what is no UTF-8 becomes replacement characters. */
export function stringField(table: FlatTable, field: number): string {
  const bytes = bytesField(table, field);
  if (bytes === undefined) return "";
  spend(table.file, bytes.length);
  return new TextDecoder().decode(bytes);
}

export function tableField(table: FlatTable, field: number): FlatTable | undefined {
  const at = fieldAt(table, field, 4);
  return at === undefined ? undefined : tableAt(table.file, forward(table.file, at));
}

/** None where the field is absent. */
export function tablesField(table: FlatTable, field: number): FlatTable[] {
  const vector = vectorField(table, field, 4);
  if (vector === undefined) return [];
  const { file } = table;
  spend(file, vector.length);
  return Array.from({ length: vector.length }, (_, i) => tableAt(file, forward(file, vector.start + 4 * i)));
}
