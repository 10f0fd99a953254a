/** Small loop programs for the C back end's tests, without a scheduler or a memory planner. */
import { bufferBytes, laneBytes } from "../../../src/loops/loop.ts";
import type {
  Buffer,
  BufferData,
  LoopProgram,
  MemoryElement,
  Statement,
  TensorStorage,
} from "../../../src/loops/loop.ts";

export function buffer(
  name: string,
  element: MemoryElement,
  count: number,
  role: Buffer["role"] = "scratch",
  slackBytes = 0,
): Buffer {
  return { name, element, count, slackBytes, alignBytes: laneBytes[element], role };
}

export const constantBuffer = (
  name: string,
  element: MemoryElement,
  data: BufferData,
  slackBytes = 0,
): Buffer => ({
  ...buffer(name, element, data.length, "constant", slackBytes),
  data,
});

/** A one-dimensional tensor that fills a buffer. */
export const storageOf = (of: Buffer): TensorStorage => ({
  tensor: of.name,
  element: of.element,
  buffer: of,
  shape: [of.count],
  strides: [1],
  start: 0,
  bias: 0,
});

export interface Step {
  readonly name: string;
  readonly doc?: string;
  readonly body: readonly Statement[];
  /** Buffers complete after it. */
  readonly completes?: readonly Buffer[];
}

/** Buffers one after the other in the arena, unless `offsets` places them. */
export function programOf(
  name: string,
  buffers: readonly Buffer[],
  steps: readonly Step[],
  offsets: ReadonlyMap<Buffer, number> = new Map(),
): LoopProgram {
  const offsetsBytes = new Map(offsets);
  let arenaBytes = 0;
  for (const each of buffers) {
    if (each.role === "constant") continue;
    const offset = offsetsBytes.get(each) ?? Math.ceil(arenaBytes / 8) * 8;
    offsetsBytes.set(each, offset);
    arenaBytes = Math.max(arenaBytes, offset + bufferBytes(each));
  }
  const withRole = (role: Buffer["role"]) => buffers.filter((each) => each.role === role);
  return {
    name,
    procedures: steps.map(({ name: step, doc, body }) => ({ name: step, doc: doc ?? `Step ${step}.`, body })),
    buffers,
    offsetsBytes,
    arenaBytes,
    arenaLowerBoundBytes: arenaBytes,
    tensors: [
      ...withRole("input").map((each) => ({ ...storageOf(each), after: -1 })),
      ...steps.flatMap(({ completes }, after) =>
        (completes ?? []).map((each) => ({ ...storageOf(each), after })),
      ),
    ],
    inputs: withRole("input").map(storageOf),
    outputs: withRole("output").map(storageOf),
  };
}
