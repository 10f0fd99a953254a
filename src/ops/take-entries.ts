/**
 * Removes or repeats entries of tensors, operation by operation. The entries must be whole channels, so that every operation does on what is
 * there what it did before.
 */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import type { Attributes } from "../ir/attributes.ts";
import type { Graph, Operation, Value } from "../ir/graph.ts";
import { isConstant } from "../ir/match.ts";
import { nameOperands, type Kept } from "../ir/operation.ts";
import { allocate, elementCount, stridesOf, type Tensor } from "../tensor/tensor.ts";
import { maskedBy, maskOf } from "./constant.ts";

/** Leaves of each of these values the entries that are named, as often as they are; other values keep all of theirs. */
export function takeEntries(graph: Graph, kept: ReadonlyMap<Value, Kept>): void {
  const keptBy = (value: Value): Kept => kept.get(value) ?? wholeOf(value);
  const replacements = new Map<Value, Value>();
  const replaced: Operation[] = [];
  for (const operation of graph.operations) {
    const { result, operands } = operation;
    if (!kept.has(result) && !operands.some((value) => replacements.has(value))) continue;
    const options = { before: operation, origin: operation.origin, span: operation.span, name: result.name };
    const made = isConstant(result)
      ? graph.createGeneric(operation.definition, [], narrowConstant(result, keptBy(result)), options)
      : graph.createGeneric(
          operation.definition,
          operands.map((value) => replacements.get(value) ?? value),
          narrowAttributes(operation, keptBy),
          options,
        );
    checkShape(operation, made.result, keptBy(result));
    graph.setRange(made.result, result.range);
    replacements.set(result, made.result);
    replaced.push(operation);
  }
  graph.setOutputs(graph.outputs.map((value) => replacements.get(value) ?? value));
  const names = replaced.map(({ result }) => [replacements.get(result)!, result.name] as const);
  replaced.toReversed().forEach((operation) => {
    graph.erase(operation);
  });
  for (const [value, name] of names) graph.rename(value, name);
}

/** All entries, each once. */
export const wholeOf = ({ type }: Value): Kept =>
  type.shape.map((extent) => ({ extent, indices: Array.from({ length: extent }, (_, i) => i) }));

function narrowAttributes(operation: Operation, keptBy: (value: Value) => Kept): Attributes {
  const { definition, attributes, operands, result } = operation;
  if (definition.narrow === undefined) return attributes;
  return definition.narrow(attributes, nameOperands(definition, operands.map(keptBy)), keptBy(result));
}

function narrowConstant(value: Value, kept: Kept): Attributes {
  const { value: contents } = value.producer!.attributes as { readonly value: Tensor };
  const mask = maskOf(value);
  return maskedBy(gather(contents, kept), mask && gather(mask, kept));
}

function gather(source: Tensor, kept: Kept): Tensor {
  const shape = kept.map(({ indices }) => indices.length);
  const strides = stridesOf(source.shape);
  const data = allocate(source.element, elementCount(shape));
  let next = 0;
  const visit = (axis: number, offset: number): void => {
    if (axis === shape.length) data[next++] = source.data[offset]!;
    else for (const index of kept[axis]!.indices) visit(axis + 1, offset + index * strides[axis]!);
  };
  visit(0, 0);
  return { element: source.element, shape, data };
}

function checkShape({ definition, result }: Operation, made: Value, kept: Kept): void {
  const expected = kept.map(({ indices }) => indices.length);
  if (expected.every((extent, axis) => extent === made.type.shape[axis])) return;
  throw new DiagnosticError([
    {
      code: "narrow",
      severity: "error",
      message: `'${definition.name}' has shape [${made.type.shape.join(", ")}] with other channels, expected [${expected.join(", ")}]`,
      subject: `%${result.name}`,
      notes: [{ message: "its 'narrow' has to say what becomes of attributes that count entries" }],
    },
  ]);
}
