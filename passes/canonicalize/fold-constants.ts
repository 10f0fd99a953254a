/**
 * Computes at compile time what depends on constants only, by the reference interpreter: the value is bit for bit what the
 * network would have computed.
 *
 * Declines
 *  - when the result would have more elements than `limit` and than its operands together (an expanded constant), so that
 *    folding never blows up a model;
 *  - on dequantizations: in a fake-quantized graph the stored integers of a weight are what matters, not their reals.
 */
import { createInterpreter } from "../../src/exec/interpreter.ts";
import { int } from "../../src/ir/attributes.ts";
import { Graph, type Operation } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, isConstant, supersede } from "../../src/ir/match.ts";
import { constant } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";

export const foldConstants = definePass({
  name: "fold-constants",
  summary: "compute what depends on constants only",
  options: { limit: int(65536) },
  run(graph, { options, count }) {
    for (const operation of graph.operations) {
      const { definition, operands, result } = operation;
      if (operands.length === 0 || definition === dequantize || !operands.every(isConstant)) continue;
      const elements = elementCount(result.type.shape);
      const given = operands.reduce((sum, operand) => sum + elementCount(operand.type.shape), 0);
      if (elements > Math.max(options.limit, given)) continue;
      const value = evaluate(operation);
      const folded = graph.create(constant, {}, { value }, { ...inPlaceOf(operation), type: result.type });
      supersede(graph, operation, folded.result);
      count("folded");
    }
  },
});

function evaluate({ definition, operands, attributes, result }: Operation): Tensor {
  const alone = new Graph("constant");
  const values = operands.map(({ type, name }) => alone.addInput(name, type));
  const copy = alone.createGeneric(definition, values, attributes, { type: result.type });
  alone.setOutputs([copy.result]);
  return createInterpreter(alone).run(operands.map((operand) => constantOf(operand)!))[0]!;
}
