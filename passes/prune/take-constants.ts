/** From one pruning of a network to another: the graphs differ in the contents and masks of their constants alone. */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { inPlaceOf, isConstant, supersede } from "../../src/ir/match.ts";
import { sameShape } from "../../src/ir/types.ts";
import { constant } from "../../src/ops/constant.ts";

/**
 * Gives every constant of the graph what the constant of that name is in the other one.
 *
 * @throws DiagnosticError `no-unpruned-graph` when the graphs differ in more
 */
export function takeConstants(graph: Graph, from: Graph, pass: string): void {
  const others = new Map(from.values.filter(isConstant).map((value) => [value.name, value]));
  for (const value of graph.values.filter(isConstant)) {
    const other = others.get(value.name);
    if (other === undefined || !sameShape(other.type.shape, value.type.shape))
      fail("no-unpruned-graph", `%${value.name} has no counterpart of its shape in the other pruning`, {
        help: `run ${pass} before what changes shapes, such as remove-channels`,
      });
    const { producer, type } = value;
    const { attributes } = other.producer!;
    if (
      attributes["value"] === producer!.attributes["value"] &&
      attributes["mask"] === producer!.attributes["mask"]
    )
      continue;
    const place = { ...inPlaceOf(producer!), type };
    supersede(graph, producer!, graph.createGeneric(constant, [], attributes, place).result);
  }
}
