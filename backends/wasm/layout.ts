/**
 * Where everything lies in WebAssembly's linear memory:
 *
 *     0 … 16         nothing, so that no address is 0
 *     16 … dataEnd   the constant buffers, in the program's order, one data segment
 *     arena …        inputs, outputs and scratch at the memory plan's offsets
 *     state …        inputs that are carried from run to run, where there are any
 *
 * A pure function of the program: the pointer pass asks for the same addresses that the emitter prints.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Buffer, BufferData, LoopProgram } from "../../src/loops/loop.ts";
import { bufferBytes, laneBytes } from "../../src/loops/loop.ts";

/** Bytes at the bottom that hold nothing. */
const unusedBytes = 16;
const arenaAlignBytes = 16;
export const pageBytes = 65_536;
/** Addresses stay below 2^31, so that they are non-negative as i32 too. */
const limitBytes = 2 ** 31;

export interface WasmLayout {
  /** Absolute address of every buffer's first element. */
  readonly addresses: ReadonlyMap<Buffer, number>;
  /** Absolute address of the data segment; it is `data.length` bytes long. */
  readonly dataAddress: number;
  /** The constant buffers' bytes with their alignment gaps and slack, zero-filled. */
  readonly data: Uint8Array;
  /** Absolute address of the arena. */
  readonly arenaAddress: number;
  /** Memory that some buffer, or its slack, takes. */
  readonly sizeBytes: number;
}

/**
 * Absolute byte address of every buffer.
 *
 * @throws as `layoutMemory` does
 */
export function wasmLayout(program: LoopProgram): ReadonlyMap<Buffer, number> {
  return placeBuffers(program).addresses;
}

/**
 * The addresses and the data segment that goes with them.
 *
 * @throws DiagnosticError `memory-limit` beyond 2 GiB; internal, when a constant buffer lacks data that fits or another lacks a place
 */
export function layoutMemory(program: LoopProgram): WasmLayout {
  const placed = placeBuffers(program);
  const data = new Uint8Array(placed.dataEndBytes - unusedBytes);
  for (const buffer of program.buffers) {
    if (buffer.role !== "constant") continue;
    data.set(littleEndian(constantData(buffer)), placed.addresses.get(buffer)! - unusedBytes);
  }
  return { ...placed, dataAddress: unusedBytes, data };
}

function placeBuffers(program: LoopProgram) {
  const addresses = new Map<Buffer, number>();
  let end = unusedBytes;
  for (const buffer of program.buffers) {
    if (buffer.role !== "constant") continue;
    const address = alignUp(end, Math.max(buffer.alignBytes, laneBytes[buffer.element]));
    addresses.set(buffer, address);
    end = address + bufferBytes(buffer);
  }
  const dataEndBytes = end;
  const arenaAddress = alignUp(dataEndBytes, arenaAlignBytes);
  let sizeBytes = arenaAddress + program.arenaBytes;
  for (const buffer of program.buffers) {
    if (buffer.role === "constant") continue;
    const offset = program.offsetsBytes.get(buffer);
    if (offset === undefined)
      throw new Error(`internal: wasm: buffer '${buffer.name}' has no place in the arena`);
    addresses.set(buffer, arenaAddress + offset);
    sizeBytes = Math.max(sizeBytes, arenaAddress + offset + bufferBytes(buffer));
  }
  for (const { input } of program.carried ?? []) {
    const { buffer } = program.inputs[input]!;
    const address = alignUp(sizeBytes, arenaAlignBytes);
    addresses.set(buffer, address);
    sizeBytes = address + bufferBytes(buffer);
  }
  if (sizeBytes > limitBytes)
    fail(
      "memory-limit",
      `the network needs ${sizeBytes} bytes of memory in WebAssembly, expected at most 2 GiB`,
      {
        help: "give it smaller inputs with --shape, or emit C alone with --target c",
      },
    );
  return { addresses, dataEndBytes, arenaAddress, sizeBytes };
}

function constantData(buffer: Buffer): BufferData {
  const { data } = buffer;
  if (
    data === undefined ||
    data.length !== buffer.count ||
    data.BYTES_PER_ELEMENT !== laneBytes[buffer.element]
  ) {
    throw new Error(
      `internal: wasm: constant buffer '${buffer.name}' lacks ${buffer.count} elements of ${buffer.element}`,
    );
  }
  return data;
}

/** The bytes as WebAssembly's memory holds them, whatever the host's byte order. */
function littleEndian(data: BufferData): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const hostIsLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  if (hostIsLittle || data.BYTES_PER_ELEMENT === 1) return bytes;
  const swapped = bytes.slice();
  for (let at = 0; at < swapped.length; at += data.BYTES_PER_ELEMENT) {
    swapped.subarray(at, at + data.BYTES_PER_ELEMENT).reverse();
  }
  return swapped;
}

const alignUp = (bytes: number, alignBytes: number): number => Math.ceil(bytes / alignBytes) * alignBytes;
