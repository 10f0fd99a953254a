/** Looking at a graph the way rewrites do: typed views of operations, constants, single users, erasing what nobody reads. */
import type { GroupCodes } from "../numerics/group-codes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttributesOf, AttributeSpec } from "./attributes.ts";
import type { Graph, Operation, Value } from "./graph.ts";
import { nameOperands, type OperandsOf, type TypedOp } from "./operation.ts";

export interface Match<O extends readonly string[], A extends Record<string, AttributeSpec>> {
  readonly operation: Operation;
  readonly operands: OperandsOf<O, Value>;
  readonly attributes: AttributesOf<A>;
}

/** The operation with typed operands and attributes, if it is one of `definition`. */
export function matchOperation<
  const O extends readonly string[],
  const A extends Record<string, AttributeSpec>,
>(operation: Operation | undefined, definition: TypedOp<O, A>): Match<O, A> | undefined {
  if (operation?.definition !== definition) return undefined;
  // The graph checked both when the operation was made.
  const operands = nameOperands(definition, operation.operands) as unknown as OperandsOf<O, Value>;
  return { operation, operands, attributes: operation.attributes as AttributesOf<A> };
}

/** The contents of a value that is a constant. */
export const constantOf = (value: Value | undefined): Tensor | undefined =>
  value?.producer?.definition.value?.(value.producer.attributes);

/** The codes that memory is to keep of a constant, if any. */
export const codesOf = (value: Value | undefined): GroupCodes | undefined =>
  value?.producer?.definition.codes?.(value.producer.attributes);

export const isConstant = (value: Value): boolean => constantOf(value) !== undefined;

/** The one number a constant consists of, if all its elements are the same one. */
export function uniformOf(value: Value | undefined): number | undefined {
  const data = constantOf(value)?.data;
  const first = data?.[0];
  if (data === undefined || first === undefined) return undefined;
  return data.every((x: number | bigint) => Object.is(x, first)) ? Number(first) : undefined;
}

export const isOutput = (graph: Graph, value: Value): boolean => graph.outputs.includes(value);

/** The only operation that reads a value which is no output of the graph. */
export function onlyUser(graph: Graph, value: Value): Operation | undefined {
  if (value.users.size !== 1 || isOutput(graph, value)) return undefined;
  const [user] = value.users;
  return user;
}

/** Erases the operation if nobody reads it, then those of its operands nobody else reads. */
export function eraseUnread(graph: Graph, operation: Operation | undefined): void {
  if (operation === undefined || operation.result.users.size > 0 || isOutput(graph, operation.result)) return;
  graph.erase(operation);
  for (const operand of new Set(operation.operands)) eraseUnread(graph, operand.producer);
}

/**
 * Makes everybody read `value` instead of the operation's result, and erases it. An output keeps its name, which callers of
 * the network know: so it declines (false) when `value` is an input or itself an output.
 */
export function bypass(graph: Graph, operation: Operation, value: Value): boolean {
  if (isOutput(graph, operation.result)) {
    if (value.producer === undefined || isOutput(graph, value)) return false;
    graph.replace(operation, value);
  } else {
    graph.replaceAllUses(operation.result, value);
    graph.erase(operation);
  }
  for (const operand of new Set(operation.operands)) eraseUnread(graph, operand.producer);
  return true;
}

/** Replaces an operation by one that computes the same, which takes its name, and erases what only the old one read. */
export function supersede(graph: Graph, operation: Operation, replacement: Value): void {
  graph.replace(operation, replacement);
  for (const operand of new Set(operation.operands)) eraseUnread(graph, operand.producer);
}

/** Where a new operation belongs that takes the place of `operation`. */
export const inPlaceOf = (
  operation: Operation,
): { before: Operation; origin: string | undefined; span: Operation["span"] } => ({
  before: operation,
  origin: operation.origin,
  span: operation.span,
});
