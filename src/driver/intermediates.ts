/**
 * Every tensor an engine materializes against the interpreter's of the same name, byte for byte. Fusion decides which tensors
 * exist, so each engine is compared on its own.
 */
import type { Graph } from "../ir/graph.ts";
import type { Executor } from "../exec/executor.ts";
import { createInterpreter } from "../exec/interpreter.ts";
import { bytesOfTensor } from "../tensor/bytes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sameBytes } from "./bundle.ts";
import { createEngine, type EngineFactories, type EngineName } from "./engines.ts";

export interface IntermediateCheck {
  readonly engine: EngineName;
  readonly samples: number;
  /** Tensors compared in each sample. */
  readonly tensors: number;
  /** Tensors that differed, the first in order of computation first. */
  readonly differing: readonly { readonly tensor: string; readonly sample: number }[];
}

interface Racer {
  readonly engine: EngineName;
  readonly executor: Executor;
  readonly names: Set<string>;
  readonly differing: { tensor: string; sample: number }[];
}

/** @param inputs stored inputs of each sample */
export async function compareIntermediates(
  graph: Graph,
  engines: readonly EngineName[],
  factories: EngineFactories,
  inputs: readonly (readonly Tensor[])[],
): Promise<readonly IntermediateCheck[]> {
  const oracle = createInterpreter(graph);
  const others = engines.filter((engine) => engine !== "interpreter");
  const racers: Racer[] = [];
  for (const engine of others)
    racers.push({
      engine,
      executor: await createEngine(engine, graph, factories, { observable: true }),
      names: new Set<string>(),
      differing: [],
    });
  inputs.forEach((input, sample) => {
    const truth = new Map<string, Tensor>();
    oracle.run(input, (name, tensor) => {
      truth.set(name, { ...tensor, data: tensor.data.slice() });
    });
    for (const { executor, names, differing } of racers)
      executor.run(input, (name, tensor) => {
        const expected = truth.get(name);
        // Temporaries of kernels of several steps have no name in the graph.
        if (expected === undefined) return;
        names.add(name);
        if (!sameBytes(bytesOfTensor(expected), bytesOfTensor(tensor)))
          differing.push({ tensor: name, sample });
      });
  });
  for (const { executor } of racers) executor.dispose();
  oracle.dispose();
  return racers.map(({ engine, names, differing }) => ({
    engine,
    samples: inputs.length,
    tensors: names.size,
    differing,
  }));
}
