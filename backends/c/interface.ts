/**
 * The names and types of a network's C interface, which the header declares, the source defines and a host's harness
 * uses. A single input is `input`, several are `input0`, `input1` …, in the graph's order; outputs likewise.
 */
import { bufferBytes, laneBytes } from "../../src/loops/loop.ts";
import type { Buffer, LoopProgram, TensorStorage } from "../../src/loops/loop.ts";
import { memoryTypes } from "./statements.ts";
import { isIdentifier } from "./names.ts";

/** An input or output as C sees it. */
export interface Port {
  readonly role: "input" | "output";
  /** The parameter's name. */
  readonly name: string;
  /** Of its macros: `KWS_INPUT`. */
  readonly prefix: string;
  /** Of its macro that points into an arena: `kws_input`. */
  readonly accessor: string;
  /** C element type. */
  readonly type: string;
  readonly storage: TensorStorage;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** State as C keeps it: an input, and the output whose elements it gets after a run. */
export interface StatePort {
  /** Of its pointer in `NAME_run`. */
  readonly name: string;
  readonly input: TensorStorage;
  readonly output: TensorStorage;
  /** In the caller's memory for state. */
  readonly offsetBytes: number;
  /** Of the input, slack included. */
  readonly sizeBytes: number;
  readonly initial: number;
}

export interface CInterface {
  readonly name: string;
  readonly upper: string;
  readonly ports: readonly Port[];
  readonly arenaBytes: number;
  readonly arenaAlignBytes: number;
  readonly states: readonly StatePort[];
  readonly stateBytes: number;
  readonly stateAlignBytes: number;
}

/** @throws internal, when the plan lacks or misaligns a buffer, or an interface buffer has the wrong role */
export function interfaceOf(program: LoopProgram, name: string): CInterface {
  if (!isIdentifier(name)) throw new Error(`internal: "${name}" cannot name a C file's functions`);
  const upper = name.toUpperCase();
  const carried = program.carried ?? [];
  const others = (storages: readonly TensorStorage[], role: "input" | "output"): TensorStorage[] =>
    storages.filter((_, place) => carried.every((state) => state[role] !== place));
  const ports = [
    ...portsOf(program, "input", name, upper, others(program.inputs, "input")),
    ...portsOf(program, "output", name, upper, others(program.outputs, "output")),
  ];
  const { states, stateBytes } = statesOf(program);
  if (new Set(ports.map((port) => port.storage.buffer)).size !== ports.length) {
    throw new Error(`internal: two inputs or outputs of "${name}" share a buffer`);
  }
  const planned = program.buffers.filter((buffer) => buffer.role !== "constant");
  const arenaAlignBytes = Math.max(1, ...planned.map((buffer) => laneBytes[buffer.element]));
  for (const buffer of planned) checkPlace(program, buffer);
  const stateAlignBytes = Math.max(1, ...states.map(({ input }) => laneBytes[input.buffer.element]));
  const { arenaBytes } = program;
  return { name, upper, ports, arenaBytes, arenaAlignBytes, states, stateBytes, stateAlignBytes };
}

/** One after the other, each where its elements may lie. */
function statesOf(program: LoopProgram): { states: StatePort[]; stateBytes: number } {
  let end = 0;
  const states = (program.carried ?? []).map(({ input: from, output: to, initial }, i): StatePort => {
    const [input, output] = [program.inputs[from]!, program.outputs[to]!];
    const align = laneBytes[input.buffer.element];
    const offsetBytes = Math.ceil(end / align) * align;
    const sizeBytes = bufferBytes(input.buffer);
    end = offsetBytes + sizeBytes;
    if (input.buffer.element !== output.buffer.element || input.buffer.count !== output.buffer.count)
      throw new Error(`internal: state "${input.tensor}" is carried from a buffer of another kind`);
    return { name: `state${i}`, input, output, offsetBytes, sizeBytes, initial };
  });
  return { states, stateBytes: end };
}

function portsOf(
  program: LoopProgram,
  role: "input" | "output",
  name: string,
  upper: string,
  storages: readonly TensorStorage[],
): Port[] {
  return storages.map((storage, index) => {
    const { buffer } = storage;
    if (buffer.role !== role) {
      throw new Error(
        `internal: ${role} "${storage.tensor}" lies in the ${buffer.role} buffer "${buffer.name}"`,
      );
    }
    const port = storages.length === 1 ? role : `${role}${index}`;
    return {
      role,
      name: port,
      prefix: `${upper}_${port.toUpperCase()}`,
      accessor: `${name}_${port}`,
      type: memoryTypes[buffer.element],
      storage,
      offsetBytes: offsetOf(program, buffer),
      sizeBytes: bufferBytes(buffer),
    };
  });
}

/** @throws internal, when the memory plan has no place for the buffer */
export function offsetOf(program: LoopProgram, buffer: Buffer): number {
  const offsetBytes = program.offsetsBytes.get(buffer);
  if (offsetBytes === undefined)
    throw new Error(`internal: buffer "${buffer.name}" has no place in the arena`);
  return offsetBytes;
}

function checkPlace(program: LoopProgram, buffer: Buffer): void {
  const offsetBytes = offsetOf(program, buffer);
  if (offsetBytes % laneBytes[buffer.element] !== 0) {
    throw new Error(
      `internal: buffer "${buffer.name}" of ${buffer.element} is planned at byte ${offsetBytes}`,
    );
  }
  if (offsetBytes < 0 || offsetBytes + bufferBytes(buffer) > program.arenaBytes) {
    throw new Error(`internal: buffer "${buffer.name}" ends outside the arena`);
  }
}

/** The parameters of `NAME_run`. */
export const runParameters = ({ ports, states }: CInterface): string =>
  [
    ...ports.map(({ role, type, name }) => `${role === "input" ? "const " : ""}${type} *${name}`),
    ...(states.length > 0 ? ["void *state"] : []),
    "void *arena",
  ].join(", ");
