/** The machines WebAssembly offers, as schedules see them (performance.md, codegen.md "Storage per target"). */
import type { Target } from "../../src/loops/target.ts";

/**
 * 128-bit SIMD: `i32x4.dot_i16x8_s` on centred i16 activations. x86-64 has 16 vector registers, but V8's
 * allocator spills in loops with more than eight accumulators (bench:layers --sweep).
 */
export const wasmSimd: Target = {
  name: "wasm-simd",
  vector: { lanes32: 4, accumulators: 8 },
  activations: "i16-centred",
  borders: true,
  moveIntoReductions: false,
};

export const wasmScalar: Target = {
  name: "wasm-scalar",
  activations: "i8",
  borders: false,
  moveIntoReductions: true,
};
