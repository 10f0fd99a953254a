/**
 * Computes at compile time what depends on constants only, by the reference interpreter: the value is bit for bit what the
 * network would have computed.
 *
 * Declines
 *  - when the result would have more elements than `limit` and than its operands together (an expanded constant), so that
 *    folding never blows up a model;
 *  - on dequantizations where the graph has quantizations: in a fake-quantized graph the stored integers of a weight are what matters, not their reals. What only
 *    moves elements moves the integers instead: move(dequantize(c)) = dequantize(move(c)), unless that takes apart the axis
 *    that c is quantized along.
 *
 * A masked constant that is only moved (a transposed weight) stays masked. Others end up with zeros for what was masked.
 */
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { createInterpreter } from "../../src/exec/interpreter.ts";
import { int } from "../../src/ir/attributes.ts";
import { Graph, type Operation } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, isConstant, supersede } from "../../src/ir/match.ts";
import { tensorType, type TensorType } from "../../src/ir/types.ts";
import { constant, maskOf, moveElements, type ConstantAttributes } from "../../src/ops/constant.ts";
import { constantOperandOf, moveConstantOperand } from "../../src/ops/constant-operand.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementCount, type Tensor } from "../../src/tensor/tensor.ts";

export const foldConstants = definePass({
  name: "fold-constants",
  summary: "compute what depends on constants only",
  options: { limit: int(65536) },
  run(graph, { options, count }) {
    const isQuantized = graph.operations.some(({ definition }) => definition === quantize);
    for (const operation of graph.operations) {
      if (isQuantized && moveStored(graph, operation)) {
        count("moved");
        continue;
      }
      const { definition, operands, result } = operation;
      if (operands.length === 0 || (definition === dequantize && isQuantized) || !operands.every(isConstant))
        continue;
      const elements = elementCount(result.type.shape);
      const given = operands.reduce((sum, operand) => sum + elementCount(operand.type.shape), 0);
      if (elements > Math.max(options.limit, given)) continue;
      const place = { ...inPlaceOf(operation), type: result.type };
      const folded = graph.create(constant, {}, evaluate(operation), place);
      supersede(graph, operation, folded.result);
      count("folded");
    }
  },
});

/** move(dequantize(c)) as dequantize(c'), c' a constant. */
function moveStored(graph: Graph, operation: Operation): boolean {
  const { definition, operands, attributes } = operation;
  const stored = constantOperandOf(operands[0]);
  if (definition.movesOnly !== true || operands.length !== 1 || stored?.quantization === undefined)
    return false;
  const { contents, quantization } = stored;
  const alone = new Graph("constant");
  const input = alone.addInput("stored", tensorType(contents.element, contents.shape, quantization));
  try {
    alone.setOutputs([alone.createGeneric(definition, [input], attributes).result]);
  } catch (error) {
    if (error instanceof DiagnosticError) return false;
    throw error;
  }
  const type = alone.outputs[0]!.type.quantization!;
  const { name } = operands[0]!.producer!.operands[0]!;
  const move = (elements: Tensor): Tensor => runAlone(operation, [typeFor(elements, input.type)], [elements]);
  const place = { ...inPlaceOf(operation), name };
  supersede(
    graph,
    operation,
    moveConstantOperand(graph, operands[0]!, move, place, () => type),
  );
  return true;
}

function evaluate(operation: Operation): ConstantAttributes {
  const { definition, operands, result } = operation;
  const [only] = operands;
  if (definition.movesOnly === true && operands.length === 1 && maskOf(only!) !== undefined)
    return moveElements(only!, (elements) =>
      runAlone(operation, [typeFor(elements, only!.type)], [elements]),
    );
  const contents = operands.map((operand) => constantOf(operand)!);
  const types = operands.map(({ type }) => type);
  return { value: runAlone(operation, types, contents, result.type) };
}

/** A mask is no quantized tensor. */
const typeFor = ({ element, shape }: Tensor, type: TensorType): TensorType =>
  element === type.element ? type : { element, shape };

function runAlone(
  { definition, attributes }: Operation,
  types: readonly TensorType[],
  contents: readonly Tensor[],
  type?: TensorType,
): Tensor {
  const alone = new Graph("constant");
  const values = types.map((given, i) => alone.addInput(`operand${i}`, given));
  const copy = alone.createGeneric(definition, values, attributes, type === undefined ? {} : { type });
  alone.setOutputs([copy.result]);
  return createInterpreter(alone).run(contents)[0]!;
}
