/**
 * Computes once what is written several times.
 *
 * Operators are pure functions of operands and attributes: two operations of the same operator, operands, attributes and type
 * have the same result, so the later can read the earlier. Constants count by their contents.
 *
 * Declines when the later result is an output of the graph: outputs keep their names and stay apart.
 */
import { sameAttribute } from "../../src/ir/attributes.ts";
import type { AttributeValue } from "../../src/ir/attributes.ts";
import type { Operation, Value } from "../../src/ir/graph.ts";
import { isOutput } from "../../src/ir/match.ts";
import { sameType } from "../../src/ir/types.ts";
import { definePass } from "../../src/pass/pass.ts";

export const eliminateCommonSubexpressions = definePass({
  name: "eliminate-common-subexpressions",
  summary: "compute once what is written several times",
  options: {},
  run(graph, { count }) {
    const known = new Map<string, Operation[]>();
    const numbers = new Map<Value, number>(graph.values.map((value, i) => [value, i]));
    for (const operation of graph.operations) {
      const key = hashOf(operation, numbers);
      const candidates = known.get(key) ?? [];
      const earlier = candidates.find((candidate) => same(candidate, operation));
      if (earlier === undefined || isOutput(graph, operation.result)) {
        known.set(key, [...candidates, operation]);
        continue;
      }
      graph.replaceAllUses(operation.result, earlier.result);
      graph.erase(operation);
      count("merged");
    }
  },
});

/** Equal operations have equal hashes; of a tensor only the first elements are looked at. */
function hashOf(operation: Operation, numbers: ReadonlyMap<Value, number>): string {
  const operands = operation.operands.map((operand) => numbers.get(operand));
  const attributes = Object.entries(operation.attributes).map(([name, value]) => `${name}=${digest(value)}`);
  return `${operation.definition.name} ${operands.join()} ${attributes.join()}`;
}

function digest(value: AttributeValue): string {
  if (typeof value !== "object" || !("element" in value)) return String(value);
  return `${value.element}[${value.shape.join()}]${value.data.subarray(0, 8).join()}`;
}

function same(a: Operation, b: Operation): boolean {
  return (
    a.definition === b.definition &&
    a.operands.length === b.operands.length &&
    a.operands.every((operand, i) => operand === b.operands[i]) &&
    sameType(a.result.type, b.result.type) &&
    Object.entries(a.attributes).every(([name, value]) => sameAttribute(value, b.attributes[name]!))
  );
}
