/**
 * What can run a network, by name. The core has the interpreter and WebAssembly; node adds compiled C (node/engines.ts).
 * All take the same graph through the same lowering, and all must give the same bytes.
 */
import { emitWasm } from "../../backends/wasm/emit.ts";
import { instantiate } from "../../backends/wasm/instance.ts";
import { wasmLayout } from "../../backends/wasm/layout.ts";
import { wasmScalar, wasmSimd } from "../../backends/wasm/targets.ts";
import { createInterpreter } from "../exec/interpreter.ts";
import type { Executor, ExecutorFactory, Observer } from "../exec/executor.ts";
import type { Graph } from "../ir/graph.ts";
import type { LoopProgram } from "../loops/loop.ts";
import type { Target } from "../loops/target.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { lowerToLoops, withPointers, type LowerOptions } from "./lower.ts";

export const engineNames = ["interpreter", "wasm-scalar", "wasm-simd", "c"] as const;
export type EngineName = (typeof engineNames)[number];

export interface EngineOptions {
  /** Values that must be materialized whatever fusion would do. */
  readonly keep?: ReadonlySet<string>;
  /** Whether an observer will be given to `run`. */
  readonly observable?: boolean;
}

export type EngineFactory = (graph: Graph, options: EngineOptions) => Promise<Executor>;
export type EngineFactories = Readonly<Partial<Record<EngineName, EngineFactory>>>;

/** Ready to be printed as WebAssembly: addresses in the linear memory instead of indices. */
export function lowerForWasm(graph: Graph, target: Target, options: LowerOptions = {}): LoopProgram {
  const program = lowerToLoops(graph, target, options);
  const addresses = wasmLayout(program);
  return withPointers(program, (buffer) => addresses.get(buffer)!);
}

function wasmEngine(target: Target, engine: EngineName): EngineFactory {
  return async (graph, { keep, observable = false }) => {
    const program = lowerForWasm(graph, target, keep === undefined ? {} : { keep });
    return instantiate(await emitWasm(program, { exportProcedures: observable }), program, engine);
  };
}

export const coreEngines: EngineFactories = {
  interpreter: (graph) => Promise.resolve(createInterpreter(graph)),
  "wasm-scalar": wasmEngine(wasmScalar, "wasm-scalar"),
  "wasm-simd": wasmEngine(wasmSimd, "wasm-simd"),
};

/** What passes measure with: the float network as compiled SIMD WebAssembly. */
export const measuringExecutor: ExecutorFactory = (graph, keep) =>
  createEngine("wasm-simd", graph, coreEngines, {
    observable: true,
    ...(keep === undefined ? {} : { keep }),
  });

/** @throws DiagnosticError `engine` when there is none of that name here */
export async function createEngine(
  name: EngineName,
  graph: Graph,
  factories: EngineFactories = coreEngines,
  options: EngineOptions = {},
): Promise<Executor> {
  const factory = factories[name];
  if (factory === undefined)
    fail("engine", `there is no engine '${name}' here`, {
      help: `use one of ${Object.keys(factories).join(", ")}`,
    });
  return factory(graph, options);
}

/** An executor that runs many samples more cheaply together (one process for compiled C). */
interface BatchExecutor extends Executor {
  runMany(samples: readonly (readonly Tensor[])[], observe?: Observer): readonly (readonly Tensor[])[];
}

const runsBatches = (executor: Executor): executor is BatchExecutor => "runMany" in executor;

export const runAll = (
  executor: Executor,
  samples: readonly (readonly Tensor[])[],
): readonly (readonly Tensor[])[] =>
  runsBatches(executor) ? executor.runMany(samples) : samples.map((sample) => executor.run(sample));
