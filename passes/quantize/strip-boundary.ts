/**
 * Gives inputs and outputs their stored types: the caller passes integers. An input that only a quantization reads becomes that
 * quantization's result; an output that is dequantized is what it was dequantized from.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { eraseUnread, isOutput } from "../../src/ir/match.ts";
import { constant } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { tensor } from "../../src/tensor/tensor.ts";

export function stripBoundary(graph: Graph): void {
  stripOutputs(graph);
  for (const input of graph.inputs) {
    const [only] = input.users;
    if (input.users.size === 1 && only!.definition === quantize && !isOutput(graph, input))
      stripInput(graph, input, only!);
  }
}

function stripOutputs(graph: Graph): void {
  for (const output of graph.outputs) {
    const operation = output.producer;
    if (operation?.definition !== dequantize) continue;
    const stored = operation.operands[0]!;
    graph.setOutputs(graph.outputs.map((value) => (value === output ? stored : value)));
    eraseUnread(graph, operation);
  }
}

/** An input changes its type only while nothing reads it, so its readers wait at a constant of that type. */
function stripInput(graph: Graph, input: Value, operation: Operation): void {
  const { type } = operation.result;
  const waiting = graph.create(
    constant,
    {},
    { value: tensor(type.element, type.shape) },
    { type, before: operation },
  );
  graph.replaceAllUses(operation.result, waiting.result);
  graph.erase(operation);
  graph.retypeInput(input, type);
  graph.setRange(input, undefined);
  graph.replaceAllUses(waiting.result, input);
  graph.erase(waiting);
}
