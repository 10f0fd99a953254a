/**
 * The memory plan of a program as plain data: which bytes of the arena each buffer holds, and for how long. Moments are steps of the
 * program, counted from 0; inputs live from -1, before the first, and outputs to the number of steps, after the last.
 */
import { bufferBytes, type Buffer, type LoopProgram } from "../loops/loop.ts";
import { addressesOf } from "../loops/walk.ts";

export interface MemoryMap {
  /** In the order they run: the value each computes, and how. */
  readonly steps: readonly { readonly name: string; readonly doc: string }[];
  /** In the order they come to life. */
  readonly buffers: readonly PlacedBuffer[];
}

export interface PlacedBuffer {
  readonly name: string;
  readonly role: Buffer["role"];
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** Moments, inclusive. */
  readonly first: number;
  readonly last: number;
}

export function memoryMapOf({
  procedures,
  offsetsBytes,
  inputs,
  outputs,
}: Pick<LoopProgram, "procedures" | "offsetsBytes" | "inputs" | "outputs">): MemoryMap {
  const lives = new Map<Buffer, { first: number; last: number }>();
  const touch = (buffer: Buffer, moment: number): void => {
    const known = lives.get(buffer);
    if (known === undefined) lives.set(buffer, { first: moment, last: moment });
    else known.last = moment;
  };
  for (const { buffer } of inputs) touch(buffer, -1);
  procedures.forEach(({ body }, moment) => {
    for (const { address } of addressesOf(body)) touch(address.buffer, moment);
  });
  for (const { buffer } of outputs) touch(buffer, procedures.length);
  return {
    steps: procedures.map(({ name, doc }) => ({ name, doc: doc.split("\n", 1)[0]! })),
    buffers: [...lives].flatMap(([buffer, life]) => {
      const offsetBytes = offsetsBytes.get(buffer);
      if (offsetBytes === undefined) return [];
      return [{ name: buffer.name, role: buffer.role, offsetBytes, sizeBytes: bufferBytes(buffer), ...life }];
    }),
  };
}
