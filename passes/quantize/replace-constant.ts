/** Puts a stored constant, dequantized, in the place of a real one that an operation reads. */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { eraseUnread } from "../../src/ir/match.ts";
import { tensorType, type Quantization } from "../../src/ir/types.ts";
import { constant, maskedBy, maskOf } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

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
): void {
  const { name, producer } = old;
  if (old.users.size === 1) graph.rename(old, `${name}_real`);
  const type = tensorType(value.element, value.shape, quantization);
  const mask = quantization.zero.every((zero) => zero === 0) ? maskOf(old) : undefined;
  const stored = graph.create(constant, {}, maskedBy(value, mask), {
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
