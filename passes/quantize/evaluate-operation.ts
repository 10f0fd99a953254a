/** One operation applied to other operands than its own: what it makes of ranges, means and deviations. */
import { interpret } from "../../src/exec/interpreter.ts";
import { Graph, type Operation } from "../../src/ir/graph.ts";
import { tensorType } from "../../src/ir/types.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** @param operands in the order of the operation's own; trailing optional ones may be left out */
export function evaluateOperation(
  { definition, attributes }: Operation,
  operands: readonly Tensor[],
): Tensor {
  const probe = new Graph("probe");
  const inputs = operands.map(({ element, shape }, i) => probe.addInput(`x${i}`, tensorType(element, shape)));
  probe.setOutputs([probe.createGeneric(definition, inputs, attributes).result]);
  return interpret(probe, operands)[0]!;
}
