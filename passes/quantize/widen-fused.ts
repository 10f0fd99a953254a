/**
 * Asks for 16 bits for what is never stored. A convolution's result that only a sum reads becomes, by fusion (passes/lower/form-kernels.ts), a
 * number in a register: rounded to eight bits it would lose what sixteen keep for nothing, neither memory nor time.
 *
 * Such a term is the result of a layer, a mean, a sum or a product, with the clamp behind it, read by one sum or product alone, of the same
 * shape. A kernel holds one reduction. So an operation takes in its terms from the one computed last until one of them reduces; of two
 * convolutions that meet in a sum the earlier is stored, in its eight bits.
 *
 * What fusion does is foretold here, where the types are chosen, and by less than it knows: behind a term it may take in for other reasons
 * (tables, moves) it is taken to stop. Were one foretold that then is stored, the result would be right and its memory twice as large.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant, onlyUser } from "../../src/ir/match.ts";
import { sameShape } from "../../src/ir/types.ts";
import { definePass } from "../../src/pass/pass.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { planQuantization } from "./plan.ts";

export const widenFused = definePass({
  name: "widen-fused",
  summary: "ask for 16 bits for what fusion keeps in registers",
  options: {},
  run(graph, { count, find, context }) {
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    for (const value of fusedTerms(graph)) {
      const group = plan.groupOf(value);
      // Of a group of several, others are stored.
      if (group?.width !== "narrow" || group.fixed !== undefined || group.values.length > 1) continue;
      graph.storeAs(value, "i16");
      count("widened");
      find({ value: value.name, bits: 16 });
    }
  },
});

/** What a kernel computes at one point of its result. */
type Kernel = "element-wise" | "reducing";

/** Values that the only operation to read them takes into its kernel, in order of computation. */
function fusedTerms(graph: Graph): readonly Value[] {
  const places = new Map(graph.operations.map(({ result }, place) => [result, place]));
  const kernels = new Map<Value, Kernel>();
  const fused = new Set<Value>();
  for (const operation of graph.operations) {
    let kernel = ownKernel(operation);
    if (kernel === undefined) continue;
    for (const term of termsOf(operation, places)) {
      if (kernel === "reducing" || onlyUser(graph, term) === undefined) continue;
      const inner = kernels.get(term);
      if (inner !== undefined && sameShape(term.type.shape, operation.result.type.shape)) {
        fused.add(term);
        kernel = inner;
      } else kernel = "reducing";
    }
    kernels.set(operation.result, kernel);
  }
  return [...fused];
}

/** Undefined for what fusion is not foretold of. */
function ownKernel({ definition: { integer } }: Operation): Kernel | undefined {
  if (integer?.kind === "accumulator") return integer.wide === true ? "element-wise" : "reducing";
  return integer?.kind === "rescaled" || integer?.kind === "clamp" ? "element-wise" : undefined;
}

/** The computed operands, the last first. */
const termsOf = ({ operands }: Operation, places: ReadonlyMap<Value, number>): readonly Value[] =>
  [...new Set(operands)]
    .filter((value) => value.producer !== undefined && !isConstant(value))
    .sort((a, b) => places.get(b)! - places.get(a)!);
