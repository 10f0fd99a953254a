/**
 * Every way to run a graph, held to the reference interpreter bit for bit: the interpreted expressions, the loop IR of each target in the
 * loop interpreter, compiled WASM (scalar, SIMD), compiled C. Not only outputs: every tensor an engine has in memory.
 */
import { expect } from "vitest";
import { plainC } from "../../backends/c/targets.ts";
import { emitWasm } from "../../backends/wasm/emit.ts";
import { instantiate } from "../../backends/wasm/instance.ts";
import { wasmLayout } from "../../backends/wasm/layout.ts";
import { wasmScalar, wasmSimd } from "../../backends/wasm/targets.ts";
import { lowerToLoops, withPointers } from "../../src/driver/lower.ts";
import { createCExecutor } from "../../src/driver/node/c-executor.ts";
import { createInterpreter, interpret } from "../../src/exec/interpreter.ts";
import type { Observer } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretProgram } from "../../src/loops/interpret.ts";
import type { Target } from "../../src/loops/target.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

type Run = (inputs: readonly Tensor[], observe: Observer) => readonly Tensor[];

export interface Engine {
  readonly name: string;
  readonly prepare: (graph: Graph) => Promise<{ run: Run; dispose: () => void }>;
}

const nothing = (): void => undefined;

const expressions: Engine = {
  name: "expressions",
  prepare(graph) {
    const interpreter = createInterpreter(graph, { expressionsOnly: true });
    return Promise.resolve({ run: (inputs, observe) => interpreter.run(inputs, observe), dispose: nothing });
  },
};

const loops = (target: Target): Engine => ({
  name: `loops of ${target.name}`,
  prepare(graph) {
    const program = lowerToLoops(graph, target);
    return Promise.resolve({
      run: (inputs, observe) => interpretProgram(program, inputs, observe),
      dispose: nothing,
    });
  },
});

const wasm = (target: Target): Engine => ({
  name: target.name,
  async prepare(graph) {
    const indexed = lowerToLoops(graph, target);
    const program = withPointers(indexed, (buffer) => wasmLayout(indexed).get(buffer)!);
    const instance = await instantiate(await emitWasm(program, { exportProcedures: true }), program);
    return { run: (inputs, observe) => instance.run(inputs, observe), dispose: nothing };
  },
});

const c: Engine = {
  name: "c",
  prepare(graph) {
    const executor = createCExecutor(lowerToLoops(graph, plainC));
    return Promise.resolve({
      run: (inputs, observe) => executor.run(inputs, observe),
      dispose: () => {
        executor.dispose();
      },
    });
  },
};

export const loopEngines: readonly Engine[] = [expressions, loops(plainC), loops(wasmSimd)];
export const compiledEngines: readonly Engine[] = [wasm(wasmScalar), wasm(wasmSimd), c];
export const allEngines: readonly Engine[] = [...loopEngines, ...compiledEngines];

/** Bits, not values: NaNs are alike, zeros are told apart. */
function bitsOf({ data }: Tensor): (number | bigint | string)[] {
  return Array.from(data as ArrayLike<number | bigint>, (x) =>
    Object.is(x, -0) ? "-0" : Number.isNaN(x) ? "nan" : x,
  );
}

/** Fails unless every engine gives every tensor it materializes the interpreter's bits, on every sample. */
export async function expectAgreement(
  graph: Graph,
  samples: readonly (readonly Tensor[])[],
  engines: readonly Engine[] = allEngines,
): Promise<void> {
  const oracle = samples.map((inputs) => {
    const tensors = new Map<string, (number | bigint | string)[]>();
    const outputs = interpret(graph, inputs, (name, tensor) => tensors.set(name, bitsOf(tensor)));
    return { tensors, outputs: outputs.map(bitsOf) };
  });
  for (const engine of engines) {
    const { run, dispose } = await engine.prepare(graph);
    try {
      samples.forEach((inputs, sample) => {
        const { tensors, outputs } = oracle[sample]!;
        const seen = run(inputs, (name, tensor) => {
          const wanted = tensors.get(name);
          if (wanted !== undefined)
            expect(bitsOf(tensor), `${engine.name}, %${name}, sample ${sample}`).toEqual(wanted);
        });
        expect(seen.map(bitsOf), `${engine.name}, outputs, sample ${sample}`).toEqual(outputs);
      });
    } finally {
      dispose();
    }
  }
}
