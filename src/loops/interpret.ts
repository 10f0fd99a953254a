/**
 * Interprets loop programs byte by byte: what a schedule produced is checked here before, and against, any back end.
 *
 * Strict where machines are not: reads beyond a buffer and its slack, writes beyond a buffer, registers read before they are set, integer
 * shifts by the lane's width and more throw `internal:`.
 */
import type { Tensor } from "../tensor/tensor.ts";
import { isFloatLane, sameRegisterType } from "./build.ts";
import { compileLanes, type LaneContext, type Thunk } from "./compile-lanes.ts";
import { allocateLanes, type Lanes } from "./lane-operators.ts";
import {
  laneBytes,
  type Address,
  type Buffer,
  type LoopExpression,
  type LoopProgram,
  type Procedure,
  type Register,
  type Statement,
} from "./loop.ts";
import { placeBuffers, type BufferMemory, type ResolveAddress } from "./memory.ts";
import { readTensor, writeTensor } from "./storage.ts";

export interface LoopMachine {
  readonly memories: ReadonlyMap<Buffer, BufferMemory>;
  /** Runs one procedure of the program by its index. */
  runProcedure(index: number): void;
  /** Runs all procedures in order. */
  run(): void;
}

export interface LoopMachineOptions {
  /** Absolute byte address of each buffer, for addresses in bytes (`unit: "byte"`): the layout of the target they were made for. */
  readonly addresses?: ReadonlyMap<Buffer, number>;
}

type Run = () => void;

/** A program in memory of its own, ready to run. */
export function loadProgram(program: LoopProgram, options: LoopMachineOptions = {}): LoopMachine {
  const memories = placeBuffers(program);
  const runs = program.procedures.map((procedure) => compileProcedure(procedure, memories, options));
  return {
    memories,
    runProcedure(index) {
      const run = runs[index];
      if (run === undefined) throw new Error(`internal: program ${program.name} has no procedure ${index}`);
      run();
    },
    run() {
      for (const run of runs) run();
    },
  };
}

/**
 * One inference on logical tensors. The observer gets every tensor the program materializes, after the procedure that completes it.
 *
 * @throws internal, when the inputs do not fit the program
 */
export function interpretProgram(
  program: LoopProgram,
  inputs: readonly Tensor[],
  observe?: (name: string, tensor: Tensor) => void,
  options: LoopMachineOptions = {},
): readonly Tensor[] {
  if (inputs.length !== program.inputs.length)
    throw new Error(`internal: ${inputs.length} inputs for a program of ${program.inputs.length}`);
  const machine = loadProgram(program, options);
  const memoryOf = (buffer: Buffer): BufferMemory => {
    const memory = machine.memories.get(buffer);
    if (memory === undefined) throw new Error(`internal: buffer ${buffer.name} is not in the program's list`);
    return memory;
  };
  const report = (after: number): void => {
    if (observe === undefined) return;
    for (const storage of program.tensors) {
      if (storage.after !== after) continue;
      const { bytes, baseBytes } = memoryOf(storage.buffer);
      observe(storage.tensor, readTensor(storage, bytes, baseBytes));
    }
  };
  program.inputs.forEach((storage, i) => {
    const { bytes, baseBytes } = memoryOf(storage.buffer);
    writeTensor(storage, inputs[i]!, bytes, baseBytes);
  });
  report(-1);
  program.procedures.forEach((_, index) => {
    machine.runProcedure(index);
    report(index);
  });
  return program.outputs.map((storage) => {
    const { bytes, baseBytes } = memoryOf(storage.buffer);
    return readTensor(storage, bytes, baseBytes);
  });
}

function compileProcedure(
  procedure: Procedure,
  memories: ReadonlyMap<Buffer, BufferMemory>,
  options: LoopMachineOptions,
): Run {
  const registers = new Map<Register, Lanes>();
  const names = new Set<string>();
  const define = (register: Register): Lanes => {
    const known = registers.get(register);
    if (known !== undefined) return known;
    if (names.has(register.name))
      throw new Error(`internal: ${procedure.name} has two registers ${register.name}`);
    names.add(register.name);
    const lanes = allocateLanes(register.type);
    registers.set(register, lanes);
    return lanes;
  };
  const registerLanes = (register: Register): Lanes => {
    const lanes = registers.get(register);
    if (lanes === undefined)
      throw new Error(`internal: ${procedure.name} reads register ${register.name} before it is set`);
    return lanes;
  };
  const resolve: ResolveAddress = (address) => {
    const memory = memories.get(address.buffer);
    if (memory === undefined)
      throw new Error(`internal: buffer ${address.buffer.name} is not in the program's list`);
    return [memory, compilePlace(address, context, options)];
  };
  const context: LaneContext = { registerLanes, resolve };
  const compile = (e: LoopExpression): Thunk => compileLanes(e, context);

  const compileStatement = (statement: Statement): Run => {
    switch (statement.kind) {
      case "comment":
        return () => undefined;
      case "fence":
        statement.registers.forEach(registerLanes);
        return () => undefined;
      case "set": {
        const { register, value } = statement;
        if (!sameRegisterType(register.type, value.type))
          throw new Error(`internal: ${register.name} is set to a value of another type`);
        const compute = compile(value);
        const lanes = define(register);
        return () => {
          lanes.set(compute() as never);
        };
      }
      case "store":
        return compileStore(statement);
      case "for": {
        const [from, to] = [compile(statement.from), compile(statement.to)];
        const variable = define(statement.variable) as Int32Array;
        const body = sequence(statement.body.map(compileStatement));
        const { step } = statement;
        return () => {
          const [first, end] = [Number(from()[0]), Number(to()[0])];
          for (let i = first; i < end; i += step) {
            variable[0] = i;
            body();
          }
        };
      }
    }
  };

  function compileStore({ address, value, lanes }: Extract<Statement, { kind: "store" }>): Run {
    const [memory, place] = resolve(address);
    const { element } = memory.buffer;
    const from = value.type.element;
    const floats = isFloatLane(from) || element === "f32" || element === "f64";
    if (floats ? from !== element : laneBytes[from] < laneBytes[element])
      throw new Error(`internal: ${from} lanes are stored to ${element} ${memory.buffer.name}`);
    const compute = compile(value);
    const count = lanes ?? value.type.lanes;
    const wraps = from === "i64" && element !== "i64";
    return () => {
      const stored = compute();
      const at = place();
      memory.checkWrite(at, count);
      const { elements } = memory;
      for (let j = 0; j < count; j++) {
        const x = stored[j]!;
        elements[at + j] = wraps ? Number(BigInt.asIntN(32, x as bigint)) : x;
      }
    };
  }

  return sequence(procedure.body.map(compileStatement));
}

const sequence = (runs: readonly Run[]): Run => {
  return () => {
    for (let i = 0; i < runs.length; i++) runs[i]!();
  };
};

/** The element an address stands for. */
function compilePlace(
  { buffer, index, dynamic, unit }: Address,
  context: LaneContext,
  options: LoopMachineOptions,
): () => number {
  const terms = index.terms.map(({ register, factor }) => ({
    lanes: context.registerLanes(register) as Int32Array,
    factor,
  }));
  const computed = dynamic === undefined ? undefined : compileLanes(dynamic, context);
  const affine = (): number => {
    let sum = index.constant;
    for (let i = 0; i < terms.length; i++) sum += terms[i]!.factor * terms[i]!.lanes[0]!;
    return sum;
  };
  const offset = computed === undefined ? () => 0 : () => Number(computed()[0]);
  if (unit === undefined) return computed === undefined ? affine : () => affine() + offset();

  const base = options.addresses?.get(buffer);
  if (base === undefined)
    throw new Error(`internal: the byte address of ${buffer.name} needs a memory layout`);
  const sizeBytes = laneBytes[buffer.element];
  return () => {
    const bytes = affine();
    const element = (bytes - base) / sizeBytes;
    if (!Number.isInteger(element))
      throw new Error(`internal: address ${bytes} splits an element of ${buffer.name}`);
    return element + offset();
  };
}
