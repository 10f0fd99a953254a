/**
 * What of a value has an effect. Where a sum is clamped and nothing else reads its terms, as at the end of a residual branch, with
 * low ≤ y + x ≤ high what is let through,
 *
 *     y and min(max(y, low - x), high - x)
 *
 * give the same: what lies beyond need not be told apart, and a range without it has finer steps. Both terms may be cut at once: a term
 * below its cut makes the sum too low whatever the other one is cut to, as ranges hold zero.
 */
import type { Graph, Value } from "../../src/ir/graph.ts";
import { isConstant, onlyUser } from "../../src/ir/match.ts";
import { sameShape } from "../../src/ir/types.ts";
import { add } from "../../src/ops/add.ts";

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** What clamps that alone read the value let through; all there is without any. */
export function boundsAfter(graph: Graph, value: Value): Bounds {
  const next = onlyUser(graph, value);
  const form = next?.definition.integer;
  if (form?.kind !== "clamp") return { low: -Infinity, high: Infinity };
  const [own, further] = [form.bounds(next!.attributes), boundsAfter(graph, next!.result)];
  const limit = (x: number): number => Math.min(Math.max(x, own.low), own.high);
  return { low: limit(further.low), high: limit(further.high) };
}

export interface ClampedSum {
  /** Of one shape, not constant, not the same. */
  readonly terms: readonly [Value, Value];
  readonly bounds: Bounds;
}

export function clampedSums(graph: Graph): ClampedSum[] {
  return graph.operations.flatMap(({ definition, operands, result }): ClampedSum[] => {
    const [a, b] = operands;
    if (definition !== add || a === b || isConstant(a!) || isConstant(b!)) return [];
    if (!sameShape(a!.type.shape, b!.type.shape)) return [];
    const bounds = boundsAfter(graph, result);
    if (bounds.low === -Infinity && bounds.high === Infinity) return [];
    return [{ terms: [a!, b!], bounds }];
  });
}

/** The part of `values` that has an effect beside `others`. */
export const effectiveValues = (
  values: ArrayLike<number>,
  others: ArrayLike<number>,
  { low, high }: Bounds,
): Float64Array =>
  Float64Array.from(values, (y, i) => Math.min(Math.max(y, low - others[i]!), high - others[i]!));
