/** Small programs around one expression or statement, run as WebAssembly. */
import { emitWasm } from "../../../backends/wasm/emit.ts";
import type { EmitOptions } from "../../../backends/wasm/emit.ts";
import { wasmLayout } from "../../../backends/wasm/layout.ts";
import { instantiateWasm, isValidWasm } from "../../../backends/wasm/web-assembly.ts";
import { load, store } from "../../../src/loops/build.ts";
import type {
  Buffer,
  BufferData,
  LoopExpression,
  LoopProgram,
  MemoryElement,
  RegisterType,
  Statement,
} from "../../../src/loops/loop.ts";
import { bufferBytes, laneBytes } from "../../../src/loops/loop.ts";
import { arrayTypes } from "../../../src/tensor/tensor.ts";

export const arrayOf = (element: MemoryElement, values: readonly (number | bigint)[]): BufferData =>
  element === "i64"
    ? BigInt64Array.from(values, (value) => BigInt(value))
    : arrayTypes[element].from(values.map(Number));

export function constantBuffer(
  name: string,
  element: MemoryElement,
  values: readonly (number | bigint)[],
  slackBytes = 0,
): Buffer {
  const data = arrayOf(element, values);
  return { name, element, count: values.length, slackBytes, alignBytes: 16, role: "constant", data };
}

export const scratchBuffer = (name: string, element: MemoryElement, count: number): Buffer => ({
  name,
  element,
  count,
  slackBytes: 0,
  alignBytes: 16,
  role: "scratch",
});

/** The vector that starts at the buffer's first element, or the scalar there. */
export const at = (type: RegisterType, buffer: Buffer, index = 0): LoopExpression =>
  load(type, { buffer, index: { constant: index, terms: [] } });

export const put = (buffer: Buffer, value: LoopExpression, index = 0, lanes?: number): Statement =>
  store({ buffer, index: { constant: index, terms: [] } }, value, lanes);

export function program(buffers: readonly Buffer[], ...bodies: (readonly Statement[])[]): LoopProgram {
  const offsetsBytes = new Map<Buffer, number>();
  let arenaBytes = 0;
  for (const buffer of buffers) {
    if (buffer.role === "constant") continue;
    offsetsBytes.set(buffer, arenaBytes);
    arenaBytes += Math.ceil(bufferBytes(buffer) / 16) * 16;
  }
  const procedures = bodies.map((body, index) => ({ name: `kernel${index}`, doc: "", body }));
  return {
    name: "test",
    procedures,
    buffers,
    offsetsBytes,
    arenaBytes,
    arenaLowerBoundBytes: 0,
    tensors: [],
    inputs: [],
    outputs: [],
  };
}

export interface Run {
  readonly bytes: Uint8Array;
  /** What the buffer holds after the run. */
  readonly read: (buffer: Buffer) => (number | bigint)[];
}

/** Emits, validates, instantiates and runs. */
export async function run(loopProgram: LoopProgram, options?: EmitOptions): Promise<Run> {
  const bytes = await emitWasm(loopProgram, options);
  if (!isValidWasm(bytes)) throw new Error("the engine refuses the module");
  const { memory, run: start } = await instantiateWasm(bytes);
  start();
  const addresses = wasmLayout(loopProgram);
  const read = (buffer: Buffer): (number | bigint)[] => {
    const start = addresses.get(buffer)!;
    const copy = memory.slice(start, start + buffer.count * laneBytes[buffer.element]);
    return Array.from(new arrayTypes[buffer.element](copy.buffer) as Iterable<number | bigint>);
  };
  return { bytes, read };
}

/** The value of each expression, stored to a buffer of its own element type (or the given one). */
export async function evaluate(
  constants: readonly Buffer[],
  values: readonly LoopExpression[],
  element?: MemoryElement,
): Promise<(number | bigint)[][]> {
  const results = values.map((value, index) =>
    scratchBuffer(`result${index}`, element ?? value.type.element, value.type.lanes),
  );
  const body = values.map((value, index) => put(results[index]!, value));
  const { read } = await run(program([...constants, ...results], body));
  return results.map(read);
}
