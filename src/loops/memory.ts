/**
 * The memory of an interpreted program: one arena for what the memory plan placed, a block of its own for every constant buffer.
 *
 * Slack of constants is filled with a pattern that is no plausible value, so that a result which depends on it shows.
 */
import { arrayTypes, type ArrayOf } from "../tensor/tensor.ts";
import {
  bufferBytes,
  laneBytes,
  type Address,
  type Buffer,
  type LoopProgram,
  type MemoryElement,
} from "./loop.ts";

const slackPattern = 0xa5;

type Elements = ArrayOf<MemoryElement>;

export interface BufferMemory {
  readonly buffer: Buffer;
  /** The memory that holds the buffer, and where in it the buffer begins. */
  readonly bytes: Uint8Array;
  readonly baseBytes: number;
  /** The buffer's elements and, after them, as many as fit into its slack. */
  readonly elements: Elements;
  /** Both throw internal when an element lies outside what may be read or written. */
  readonly checkRead: (first: number, count: number) => void;
  readonly checkWrite: (first: number, count: number) => void;
}

/** Compiles an address: its memory, and a closure that gives the element it stands for now. */
export type ResolveAddress = (address: Address) => readonly [BufferMemory, () => number];

/** @throws internal, when a buffer has no place, is misaligned, or lies outside the arena; a constant lacks its data */
export function placeBuffers(program: LoopProgram): ReadonlyMap<Buffer, BufferMemory> {
  const arena = new Uint8Array(program.arenaBytes);
  const memories = new Map<Buffer, BufferMemory>();
  for (const buffer of program.buffers) {
    if (buffer.role === "constant") memories.set(buffer, bufferMemory(buffer, constantBytes(buffer), 0));
    else {
      const offsetBytes = program.offsetsBytes.get(buffer);
      if (offsetBytes === undefined)
        throw new Error(`internal: buffer ${buffer.name} has no place in the arena`);
      if (offsetBytes < 0 || offsetBytes + bufferBytes(buffer) > program.arenaBytes)
        throw new Error(
          `internal: buffer ${buffer.name} at ${offsetBytes} leaves the arena of ${program.arenaBytes} bytes`,
        );
      memories.set(buffer, bufferMemory(buffer, arena, offsetBytes));
    }
  }
  return memories;
}

function constantBytes(buffer: Buffer): Uint8Array {
  const { data, name, element, count } = buffer;
  if (data?.length !== count || !(data instanceof arrayTypes[element]))
    throw new Error(`internal: constant ${name} does not carry its ${count} elements of ${element}`);
  const bytes = new Uint8Array(bufferBytes(buffer)).fill(slackPattern);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return bytes;
}

function bufferMemory(buffer: Buffer, bytes: Uint8Array, baseBytes: number): BufferMemory {
  const { name, element, count, slackBytes, alignBytes, role } = buffer;
  const sizeBytes = laneBytes[element];
  if (baseBytes % Math.max(alignBytes, sizeBytes) !== 0)
    throw new Error(`internal: buffer ${name} at ${baseBytes} is not aligned to ${alignBytes} bytes`);
  const readable = count + Math.floor(slackBytes / sizeBytes);
  const elements = new arrayTypes[element](
    bytes.buffer as ArrayBuffer,
    bytes.byteOffset + baseBytes,
    readable,
  );
  const refuse = (what: string, first: number, many: number): never => {
    throw new Error(
      `internal: ${what} elements ${first} to ${first + many - 1} of ${role} ${name}, which has ${count}`,
    );
  };
  return {
    buffer,
    bytes,
    baseBytes,
    elements,
    checkRead: (first, many) => {
      if (first < 0 || first + many > readable) refuse("reads", first, many);
    },
    checkWrite: (first, many) => {
      if (first < 0 || first + many > count || role === "constant") refuse("writes", first, many);
    },
  };
}
