/**
 * A compiled network as an Executor, in Node and in browsers alike.
 *
 * Observation runs the procedures one at a time, so that every tensor can be read as soon as it is complete: the memory plan may give
 * its place to another later. Without an observer the module's own `run` does all of it in one call.
 */
import type { Executor, Observer } from "../../src/exec/executor.ts";
import type { LoopProgram, TensorStorage } from "../../src/loops/loop.ts";
import { readTensor, writeTensor } from "../../src/loops/storage.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { layoutMemory } from "./layout.ts";
import type { WasmExports } from "./web-assembly.ts";
import { instantiateWasm } from "./web-assembly.ts";

export interface WasmInstance extends Executor {
  /** The module's whole memory; valid as long as the instance. */
  readonly memory: Uint8Array;
  /** Absolute address of the storage's buffer. */
  addressOf(storage: TensorStorage): number;
  /** One inference on what the input buffers hold. */
  start(): void;
}

/**
 * @param bytes what `emitWasm` made of this very program
 * @throws internal, on observation when the procedures were not exported
 */
export async function instantiate(
  bytes: Uint8Array,
  program: LoopProgram,
  engine = "wasm",
): Promise<WasmInstance> {
  const { addresses } = layoutMemory(program);
  let exports: WasmExports | undefined = await instantiateWasm(bytes);
  const { memory } = exports;
  const alive = (): WasmExports => {
    if (exports === undefined) throw new Error(`internal: wasm: '${program.name}' was disposed of`);
    return exports;
  };
  const addressOf = ({ buffer, tensor }: TensorStorage): number => {
    const address = addresses.get(buffer);
    if (address === undefined) throw new Error(`internal: wasm: the buffer of '${tensor}' has no address`);
    return address;
  };

  function runObserved(observe: Observer): void {
    const { procedures } = alive();
    if (procedures.length !== program.procedures.length) {
      throw new Error(`internal: wasm: '${program.name}' was emitted without its procedures exported`);
    }
    for (let step = -1; step < procedures.length; step++) {
      procedures[step]?.();
      for (const storage of program.tensors) {
        if (storage.after === step) observe(storage.tensor, readTensor(storage, memory, addressOf(storage)));
      }
    }
  }

  function writeInputs(inputs: readonly Tensor[]): void {
    if (inputs.length !== program.inputs.length) {
      throw new Error(
        `internal: wasm: ${inputs.length} inputs for the ${program.inputs.length} of '${program.name}'`,
      );
    }
    program.inputs.forEach((storage, index) => {
      writeTensor(storage, inputs[index]!, memory, addressOf(storage));
    });
  }

  return {
    engine,
    memory,
    addressOf,
    start() {
      alive().run();
    },
    run(inputs: readonly Tensor[], observe?: Observer): readonly Tensor[] {
      writeInputs(inputs);
      if (observe === undefined) alive().run();
      else runObserved(observe);
      return program.outputs.map((storage) => readTensor(storage, memory, addressOf(storage)));
    },
    dispose() {
      exports = undefined;
    },
  };
}
