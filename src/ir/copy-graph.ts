/** A graph's copy, for passes that try something or compare with what was. */
import { Graph, type Value } from "./graph.ts";

/** Operations, names, ranges, elements asked for and origins are the same; constants share their contents, which nobody changes. */
export function copyGraph(graph: Graph): Graph {
  const copy = new Graph(graph.name);
  const copies = new Map<Value, Value>();
  const keep = (value: Value, made: Value): void => {
    copies.set(value, made);
    copy.setRange(made, value.range);
    copy.storeAs(made, value.storedAs);
  };
  for (const input of graph.inputs) keep(input, copy.addInput(input.name, input.type));
  for (const { definition, operands, attributes, result, origin, span } of graph.operations)
    keep(
      result,
      copy.createGeneric(
        definition,
        operands.map((value) => copies.get(value)!),
        attributes,
        { name: result.name, type: result.type, origin, span },
      ).result,
    );
  copy.setOutputs(graph.outputs.map((value) => copies.get(value)!));
  for (const { input, output } of graph.carried)
    copy.carry(copies.get(input)!, graph.outputs.indexOf(output));
  return copy;
}
