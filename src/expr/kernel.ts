/**
 * A network as kernels over tensors: the level between the graph IR and the loop IR. Every kernel is a few steps; all targets
 * but that of its last steps are temporaries of its own.
 */
import type { Step, TensorReference } from "./expression.ts";

export interface Kernel {
  /** Name of the graph value it computes. */
  readonly name: string;
  /** The operations it holds, in order, as `conv2d + requantize`: what reports and comments call it. */
  readonly doc: string;
  readonly steps: readonly Step[];
}

export interface KernelProgram {
  readonly name: string;
  readonly kernels: readonly Kernel[];
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
  /** Tensors that are another tensor's elements in the same row-major order: they share its memory and cost no copy. */
  readonly views: ReadonlyMap<TensorReference, TensorReference>;
}
