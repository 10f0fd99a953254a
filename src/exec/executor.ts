/**
 * Running a network, whatever runs it: the reference interpreter, compiled WASM, compiled C. Passes that must run a network
 * (calibration, sensitivity) ask their context for one; the driver decides which.
 */
import type { Graph } from "../ir/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Called after a tensor is complete, in order of computation; `tensor` holds logical values and is only valid during the call. */
export type Observer = (name: string, tensor: Tensor) => void;

export interface Executor {
  readonly engine: string;
  /**
   * One inference. Inputs and outputs in the graph's order, in the graph's types (stored integers for a stored graph).
   * The observer sees every tensor the engine materializes under its graph name.
   */
  run(inputs: readonly Tensor[], observe?: Observer): readonly Tensor[];
  dispose(): void;
}

/** Makes an executor; `keep` names values that must be materialized (and so observable) whatever fusion would do. */
export type ExecutorFactory = (graph: Graph, keep?: ReadonlySet<string>) => Promise<Executor>;
