/**
 * Proves that a module computes with integers alone (design.md, invariant 2): no f32 or f64 type, local, global, constant or
 * instruction, scalar or vector. It reads the binary itself, from the specification (core 2.0 with relaxed SIMD) and not with the
 * library that wrote it, and refuses what it does not know: an unknown opcode is a fault, never taken for an integer one.
 */
import { ByteReader } from "./byte-reader.ts";

export interface FloatUse {
  /** "function 3", "type 0", "global 1". */
  readonly where: string;
  /** The instruction or type, as the text format spells it (vector instructions by group and number). */
  readonly what: string;
  /** Bytes from the start of the module. */
  readonly offsetBytes: number;
}

const section = { type: 1, import: 2, global: 6, code: 10 } as const;

/**
 * Every use of a floating-point number, in the module's order.
 *
 * @throws internal, when the binary is malformed or has instructions this reader does not know
 */
export function findFloats(module: Uint8Array): readonly FloatUse[] {
  const reader = new ByteReader(module);
  const found: FloatUse[] = [];
  if (reader.u32Little() !== 0x6d736100 || reader.u32Little() !== 1)
    throw reader.fault("no WebAssembly module");
  let importedFunctions = 0;
  while (!reader.atEnd) {
    const id = reader.byte();
    const sizeBytes = reader.unsigned();
    const end = reader.at + sizeBytes;
    if (id === section.type) scanTypes(reader, found);
    else if (id === section.import) importedFunctions = scanImports(reader);
    else if (id === section.global) scanGlobals(reader, found);
    else if (id === section.code) scanCode(reader, importedFunctions, found);
    else reader.skip(sizeBytes);
    if (reader.at !== end) throw reader.fault(`section ${id} does not end where it says`);
  }
  return found;
}

/** The first of them, or none. */
export const findFloat = (module: Uint8Array): FloatUse | undefined => findFloats(module)[0];

/**
 * @param procedures names of functions 0, 1, … for the message
 * @throws internal, naming function and instruction
 */
export function assertIntegerOnly(module: Uint8Array, procedures: readonly string[] = []): void {
  const [first, ...others] = findFloats(module);
  if (first === undefined) return;
  const number = /^function (\d+)$/.exec(first.where)?.[1];
  const name = number === undefined ? undefined : procedures[Number(number)];
  const where = name === undefined ? first.where : `${first.where} ('${name}')`;
  const more = others.length === 0 ? "" : `, and ${others.length} more uses of floats`;
  throw new Error(
    `internal: wasm: ${first.what} in ${where}, byte ${first.offsetBytes}${more}: integers were promised`,
  );
}

const typeNames = new Map([
  [0x7f, "i32"],
  [0x7e, "i64"],
  [0x7d, "f32"],
  [0x7c, "f64"],
  [0x7b, "v128"],
  [0x70, "funcref"],
  [0x6f, "externref"],
]);

function scanValueType(reader: ByteReader, where: string, role: string, found: FloatUse[]): void {
  const offsetBytes = reader.at;
  const code = reader.byte();
  const name = typeNames.get(code);
  if (name === undefined) throw reader.fault(`value type ${hex(code)}`);
  if (name === "f32" || name === "f64") found.push({ where, what: `${role} ${name}`, offsetBytes });
}

function scanTypes(reader: ByteReader, found: FloatUse[]): void {
  const count = reader.unsigned();
  for (let at = 0; at < count; at++) {
    if (reader.byte() !== 0x60) throw reader.fault("a type that is no function type");
    for (const role of ["parameter", "result"]) {
      const length = reader.unsigned();
      for (let value = 0; value < length; value++) scanValueType(reader, `type ${at}`, role, found);
    }
  }
}

/** Counts imported functions; what they take and give stands in the type section. Imported globals are refused. */
function scanImports(reader: ByteReader): number {
  const count = reader.unsigned();
  let functions = 0;
  for (let at = 0; at < count; at++) {
    reader.skip(reader.unsigned());
    reader.skip(reader.unsigned());
    const kind = reader.byte();
    if (kind === 0) {
      reader.unsigned();
      functions++;
    } else if (kind === 2) {
      const hasMaximum = (reader.byte() & 1) !== 0;
      skipUnsigned(reader, hasMaximum ? 2 : 1);
    } else {
      throw reader.fault(`an import of kind ${kind}`);
    }
  }
  return functions;
}

function scanGlobals(reader: ByteReader, found: FloatUse[]): void {
  const count = reader.unsigned();
  for (let at = 0; at < count; at++) {
    scanValueType(reader, `global ${at}`, "type", found);
    reader.byte();
    scanInstructions(reader, `global ${at}`, found);
  }
}

function scanCode(reader: ByteReader, firstFunction: number, found: FloatUse[]): void {
  const count = reader.unsigned();
  for (let at = 0; at < count; at++) {
    const where = `function ${firstFunction + at}`;
    const sizeBytes = reader.unsigned();
    const end = reader.at + sizeBytes;
    const groups = reader.unsigned();
    for (let group = 0; group < groups; group++) {
      reader.unsigned();
      scanValueType(reader, where, "local", found);
    }
    scanInstructions(reader, where, found);
    if (reader.at !== end) throw reader.fault(`${where} does not end where it says`);
  }
}

/** Reads instructions up to the `end` that closes the expression. */
function scanInstructions(reader: ByteReader, where: string, found: FloatUse[]): void {
  let depth = 1;
  while (depth > 0) {
    const offsetBytes = reader.at;
    const opcode = reader.byte();
    const what = readInstruction(reader, opcode);
    if (what !== undefined) found.push({ where, what, offsetBytes });
    if (opcode === 0x0b) depth--;
    if (opcode >= 0x02 && opcode <= 0x04) depth++;
  }
}

const floatBlockTypes = new Map([
  [0x7d, "block of type f32"],
  [0x7c, "block of type f64"],
]);

const memoryNames = new Map([
  [0x2a, "f32.load"],
  [0x2b, "f64.load"],
  [0x38, "f32.store"],
  [0x39, "f64.store"],
]);

const compares = ["eq", "ne", "lt", "gt", "le", "ge"];
const arithmetic = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign".split(" ");

/** 0xa7 to 0xc4, in order. */
const conversions = `i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u
  i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u
  f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64
  f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32
  i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
  i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s`.split(/\s+/);

/** Reads one instruction, immediates included; its name if it touches floats. */
function readInstruction(reader: ByteReader, opcode: number): string | undefined {
  if (opcode === 0xfc) return readSaturating(reader);
  if (opcode === 0xfd) return readVector(reader);
  if (opcode >= 0x02 && opcode <= 0x04) {
    const type = reader.byte();
    if (type !== 0x40 && !typeNames.has(type)) throw reader.fault(`block type ${type}`);
    return floatBlockTypes.get(type);
  }
  skipImmediates(reader, opcode);
  if (opcode === 0x43) return "f32.const";
  if (opcode === 0x44) return "f64.const";
  if (opcode <= 0x5a) return memoryNames.get(opcode);
  if (opcode <= 0x60) return `f32.${compares[opcode - 0x5b]!}`;
  if (opcode <= 0x66) return `f64.${compares[opcode - 0x61]!}`;
  if (opcode <= 0x8a) return undefined;
  if (opcode <= 0x98) return `f32.${arithmetic[opcode - 0x8b]!}`;
  if (opcode <= 0xa6) return `f64.${arithmetic[opcode - 0x99]!}`;
  const conversion = conversions[opcode - 0xa7]!;
  return /f32|f64/.test(conversion) ? conversion : undefined;
}

/** Immediates of instructions of one byte, blocks apart. */
function skipImmediates(reader: ByteReader, opcode: number): void {
  if (opcode >= 0x45 && opcode <= 0xc4) return;
  if (opcode === 0x43) reader.skip(4);
  else if (opcode === 0x44) reader.skip(8);
  else if (opcode >= 0x28 && opcode <= 0x3e) skipUnsigned(reader, 2);
  else if (opcode === 0x0e) skipUnsigned(reader, reader.unsigned() + 1);
  else if (opcode === 0x11) skipUnsigned(reader, 2);
  else if (oneImmediate.has(opcode)) skipUnsigned(reader, 1);
  else if (!noImmediate.has(opcode)) throw reader.fault(`opcode ${hex(opcode)}`);
}

/** br, br_if, call, the five accesses to locals and globals, memory.size and memory.grow, i32.const, i64.const. */
const oneImmediate = new Set([0x0c, 0x0d, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x3f, 0x40, 0x41, 0x42]);
/** unreachable, nop, else, end, return, drop, select. */
const noImmediate = new Set([0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b]);

function readSaturating(reader: ByteReader): string | undefined {
  const opcode = reader.unsigned();
  const truncations = ["i32", "i64"].flatMap((to) =>
    ["f32", "f64"].flatMap((from) => ["s", "u"].map((sign) => `${to}.trunc_sat_${from}_${sign}`)),
  );
  if (opcode < truncations.length) return truncations[opcode];
  // memory.init, data.drop, memory.copy, memory.fill
  if (opcode < 8 || opcode > 11) throw reader.fault(`opcode 0xfc ${opcode}`);
  skipUnsigned(reader, opcode === 8 || opcode === 10 ? 2 : 1);
  return undefined;
}

/** Ranges of vector opcodes that touch floats, both ends included. */
const vectorFloats: readonly (readonly [number, number, string])[] = [
  [0x13, 0x13, "f32x4.splat"],
  [0x14, 0x14, "f64x2.splat"],
  [0x1f, 0x20, "f32x4 lane access"],
  [0x21, 0x22, "f64x2 lane access"],
  [0x41, 0x46, "f32x4 comparison"],
  [0x47, 0x4c, "f64x2 comparison"],
  [0x5e, 0x5f, "f32x4 and f64x2 conversion"],
  [0x67, 0x6a, "f32x4 rounding"],
  [0x74, 0x75, "f64x2 rounding"],
  [0x7a, 0x7a, "f64x2.trunc"],
  [0x94, 0x94, "f64x2.nearest"],
  [0xe0, 0xeb, "f32x4 arithmetic"],
  [0xec, 0xf7, "f64x2 arithmetic"],
  [0xf8, 0xff, "vector conversion with floats"],
  [0x101, 0x104, "relaxed truncation"],
  [0x105, 0x108, "relaxed multiply-add"],
  [0x10d, 0x110, "relaxed minimum or maximum"],
];
/** Numbers the specification leaves free. */
const vectorHoles = new Set([
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4,
  0xe2, 0xee,
]);
const lastVectorOpcode = 0x113;

function readVector(reader: ByteReader): string | undefined {
  const opcode = reader.unsigned();
  if (opcode > lastVectorOpcode || vectorHoles.has(opcode)) throw reader.fault(`opcode 0xfd ${hex(opcode)}`);
  if (opcode <= 0x0b || opcode === 0x5c || opcode === 0x5d) skipUnsigned(reader, 2);
  else if (opcode === 0x0c || opcode === 0x0d) reader.skip(16);
  else if (opcode >= 0x15 && opcode <= 0x22) reader.skip(1);
  else if (opcode >= 0x54 && opcode <= 0x5b) {
    skipUnsigned(reader, 2);
    reader.skip(1);
  }
  const range = vectorFloats.find(([first, last]) => opcode >= first && opcode <= last);
  return range === undefined ? undefined : `${range[2]} (0xfd ${hex(opcode)})`;
}

function skipUnsigned(reader: ByteReader, count: number): void {
  for (let at = 0; at < count; at++) reader.unsigned();
}

const hex = (opcode: number): string => `0x${opcode.toString(16)}`;
