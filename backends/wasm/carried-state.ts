/** State that a module keeps between runs: `run` ends by carrying outputs to their inputs, `reset` begins anew with real zeros. */
import type binaryen from "binaryen";
import { laneBytes, type Buffer, type LoopProgram } from "../../src/loops/loop.ts";
import type { Ref } from "./function-scope.ts";

export interface ModuleState {
  readonly count: number;
  readonly elementBytes: number;
  readonly inputAddress: number;
  readonly outputAddress: number;
  readonly initial: number;
}

/** @throws internal, when input and output differ in their memory */
export function statesOf(program: LoopProgram, addresses: ReadonlyMap<Buffer, number>): ModuleState[] {
  return (program.carried ?? []).map(({ input, output, initial }) => {
    const [from, to] = [program.outputs[output]!.buffer, program.inputs[input]!.buffer];
    if (from.element !== to.element || from.count !== to.count)
      throw new Error(`internal: wasm: state '${to.name}' is carried from a buffer of another kind`);
    return {
      count: to.count,
      elementBytes: laneBytes[to.element],
      inputAddress: addresses.get(to)!,
      outputAddress: addresses.get(from)!,
      initial,
    };
  });
}

/** The one local of `run` and of `reset`. */
const counter = 0;

export const copyState = (
  module: binaryen.Module,
  library: typeof binaryen,
  { count, elementBytes, inputAddress, outputAddress }: ModuleState,
): Ref =>
  eachByte(module, library, `state${inputAddress}`, count * elementBytes, 1, (at) =>
    module.i32.store8(inputAddress, 1, at, module.i32.load8_u(outputAddress, 1, at)),
  );

export const resetState = (
  module: binaryen.Module,
  library: typeof binaryen,
  { count, elementBytes, inputAddress, initial }: ModuleState,
): Ref => {
  const { i32 } = module;
  const value = i32.const(initial);
  return eachByte(module, library, `state${inputAddress}`, count * elementBytes, elementBytes, (at) => {
    if (elementBytes === 1) return i32.store8(inputAddress, 1, at, value);
    if (elementBytes === 2) return i32.store16(inputAddress, 2, at, value);
    if (elementBytes === 4) return i32.store(inputAddress, 4, at, value);
    throw new Error(`internal: wasm: state of ${elementBytes} bytes an element`);
  });
};

/** at = end; do { at -= step; body } while (at != 0), under a label that no other loop of the function has. */
function eachByte(
  module: binaryen.Module,
  library: typeof binaryen,
  label: string,
  end: number,
  step: number,
  body: (at: Ref) => Ref,
): Ref {
  const { i32, local } = module;
  const at = (): Ref => local.get(counter, library.i32);
  return module.block(null, [
    local.set(counter, i32.const(end)),
    module.loop(
      label,
      module.block(null, [
        local.set(counter, i32.sub(at(), i32.const(step))),
        body(at()),
        module.br_if(label, at()),
      ]),
    ),
  ]);
}
