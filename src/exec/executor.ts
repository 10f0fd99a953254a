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
  /** Gives the constant of that graph name other contents of the same type, for all that is computed from now on. */
  setConstant?(name: string, contents: Tensor): void;
  /** Begins an inference that `peek` carries on step by step. */
  suspend?(inputs: readonly Tensor[]): Suspended;
  dispose(): void;
}

/**
 * An inference that waits before a tensor. Many of them can be led through the network side by side, one operation at a time,
 * while constants change in between: what a pass needs that corrects a layer by what all samples say of it.
 */
export interface Suspended {
  /**
   * Computes up to the tensor and returns it, valid until the next call. Goes on from before its computation, so that a constant set
   * meanwhile takes effect on it. Names must come in order of computation.
   */
  peek(name: string): Tensor;
}

/** Makes an executor; `keep` names values that must be materialized (and so observable) whatever fusion would do. */
export type ExecutorFactory = (graph: Graph, keep?: ReadonlySet<string>) => Promise<Executor>;
