/** The quantization of inputs whose samples came as integers: theirs, so that the compiled network takes them as they are. */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { perTensor } from "../../src/ir/types.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { FixedQuantization } from "./plan.ts";

/** u8 integers are moved to i8 by 128, as are their zero points: the same reals. Scales are rounded to f32 once. */
export function fixedInputsOf(graph: Graph, context: PassContext): ReadonlyMap<Value, FixedQuantization> {
  const fixed = new Map<Value, FixedQuantization>();
  for (const input of graph.inputs) {
    const given = context.inputQuantization?.get(input.name);
    if (given === undefined || (given.element !== "i8" && given.element !== "u8")) continue;
    const zero = given.element === "u8" ? given.zero - 128 : given.zero;
    // Another zero point cannot be stored in eight bits: the input is quantized by its range like any other.
    if (!Number.isInteger(zero) || zero < -128 || zero > 127) continue;
    const scale = Math.fround(given.scale);
    if (!(scale > 0 && Number.isFinite(scale)))
      fail("input-scale", `input %${input.name} has scale ${given.scale}, expected a positive number`);
    fixed.set(input, { element: "i8", quantization: perTensor(scale, zero) });
  }
  return fixed;
}
