/** Puts a stored constant, dequantized, in the place of a real one that an operation reads. */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { codesOf, eraseUnread } from "../../src/ir/match.ts";
import { tensorType, type Quantization } from "../../src/ir/types.ts";
import type { GroupCodes } from "../../src/numerics/group-codes.ts";
import { constant, maskedBy, maskOf } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";

/**
 * The stored constant takes the name; the real one goes unless others read it. It takes the mask too, where what is pruned is stored
 * as zero: whatever value rounding gave a pruned weight, none is left of it.
 */
export function replaceConstant(
  graph: Graph,
  operation: Operation,
  old: Value,
  value: Tensor,
  quantization: Quantization,
  codes?: GroupCodes,
): void {
  const { name, producer } = old;
  if (old.users.size === 1) graph.rename(old, `${name}_real`);
  const type = tensorType(value.element, value.shape, quantization);
  const mask = quantization.zero.every((zero) => zero === 0) ? maskOf(old) : undefined;
  const stored = graph.create(constant, {}, maskedBy(value, mask, codes), {
    before: operation,
    name,
    origin: producer?.origin,
    type,
  });
  const real = graph.create(
    dequantize,
    { input: stored.result },
    {},
    { before: operation, name: `${name}_fake` },
  );
  graph.replaceOperand(operation, old, real.result);
  eraseUnread(graph, producer);
}

/** Gives an operation other stored contents for the dequantized constant that it reads; they take its names, mask and codes. */
export function replaceStored(
  graph: Graph,
  operation: Operation,
  read: Value,
  value: Tensor,
  quantization: Quantization,
): void {
  const old = read.producer!.operands[0]!;
  const names = { stored: old.name, real: read.name };
  const { origin } = old.producer!;
  if (read.users.size === 1) {
    graph.rename(read, `${names.real}_replaced`);
    if (old.users.size === 1) graph.rename(old, `${names.stored}_replaced`);
  }
  const type = tensorType(value.element, value.shape, quantization);
  const stored = graph.create(constant, {}, maskedBy(value, maskOf(old), codesOf(old)), {
    before: operation,
    name: names.stored,
    origin,
    type,
  });
  const real = graph.create(
    dequantize,
    { input: stored.result },
    {},
    { before: operation, name: names.real },
  );
  graph.replaceOperand(operation, read, real.result);
  eraseUnread(graph, read.producer);
}

/** Gives an operation other reals for a constant that it reads; they take its name. */
export function replaceReal(graph: Graph, operation: Operation, old: Value, numbers: Float64Array): void {
  const { name, producer, type } = old;
  if (old.users.size === 1) graph.rename(old, `${name}_replaced`);
  const value = tensor("f32", type.shape, Float32Array.from(numbers));
  const options = { before: operation, name, origin: producer?.origin };
  const made = graph.create(constant, {}, maskedBy(value, maskOf(old)), options);
  graph.replaceOperand(operation, old, made.result);
  eraseUnread(graph, producer);
}
