/** The machines WebAssembly offers, as schedules see them (performance.md, codegen.md "Storage per target"). */
import type { Target } from "../../src/loops/target.ts";

/**
 * 128-bit SIMD: `i32x4.dot_i16x8_s` on centred i16 activations. x86-64 has 16 vector registers; V8 keeps one for itself and wants
 * room for the product, so tiles that plan with more than 13 spill.
 */
export const wasmSimd: Target = {
  name: "wasm-simd",
  vector: { lanes32: 4, registers: 13 },
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
