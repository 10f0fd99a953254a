/**
 * What a schedule needs to know of a machine: plain data, kept beside the back end that prints for it.
 */
export interface VectorUnit {
  /** Lanes of an i32 or f32 vector. */
  readonly lanes32: number;
  /** Accumulators a tile may hold: vector registers less what operands and products need. */
  readonly accumulators: number;
}

export interface Target {
  readonly name: string;
  /** Absent: scalar code. */
  readonly vector?: VectorUnit;
  /**
   * How 8-bit tensors between kernels are kept: `i8` as they are, or `i16` with the zero point subtracted, so that real zero is 0
   * and products need no correction. The caller's tensors are always as declared.
   */
  readonly activations: "i8" | "i16-centred";
  /** Whether padding is a border in memory, filled once, instead of a test at each read. */
  readonly borders: boolean;
  /** Whether reductions may read through a transposition instead of a transposed copy. */
  readonly moveIntoReductions: boolean;
  /** Fixed tiles instead of the cost model's, for experiments: pixels and accumulator vectors. */
  readonly tiles?: {
    readonly contraction?: { readonly pixels: number; readonly vectors: number };
    readonly depthwisePixels?: number;
  };
}
