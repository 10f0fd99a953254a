/**
 * What a layer should bring about when it is fitted to the network it was in.
 *
 * Mostly its result. At the end of a residual branch it is the sum with the shortcut, which only this layer can still move: of s = y + x it is
 * to give y = s - x', with x' the shortcut as it is now (He, Zhang and Sun, "Channel pruning", "multi-branch enhancement" in section 3.3).
 * Where a clamp cuts s, as the relu behind the sum mostly does, any y that leaves it cut will do: the nearest to what it was.
 */
import type { Graph, Operation, Value } from "../ir/graph.ts";
import { onlyUser } from "../ir/match.ts";
import { sameShape } from "../ir/types.ts";
import { add } from "../ops/add.ts";
import { numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

export const unbounded: Bounds = { low: -Infinity, high: Infinity };

/** What clamps that alone read the value let through; all there is without any. */
export function boundsAfter(graph: Graph, value: Value): Bounds {
  const next = onlyUser(graph, value);
  const form = next?.definition.integer;
  if (form?.kind !== "clamp") return unbounded;
  const [own, further] = [form.bounds(next!.attributes), boundsAfter(graph, next!.result)];
  return { low: clamped(further.low, own), high: clamped(further.high, own) };
}

export const clamped = (x: number, { low, high }: Bounds): number => Math.min(Math.max(x, low), high);

export interface LayerAim {
  readonly target: Value;
  /** What is added to the layer's result to make the target: computed before the layer, from samples. */
  readonly shortcut?: Value;
  /** What is let through of the target. */
  readonly bounds: Bounds;
}

export function aimOf(graph: Graph, { result }: Operation): LayerAim {
  const user = onlyUser(graph, result);
  const shortcut = user?.definition === add ? user.operands.find((term) => term !== result) : undefined;
  if (shortcut === undefined || !isShortcut(graph, shortcut, result))
    return { target: result, bounds: boundsAfter(graph, result) };
  const target = user!.result;
  return { target, shortcut, bounds: boundsAfter(graph, target) };
}

function isShortcut(graph: Graph, shortcut: Value, result: Value): boolean {
  if (!isComputed(shortcut) || !sameShape(shortcut.type.shape, result.type.shape)) return false;
  const places = new Map(graph.operations.map((operation, at) => [operation, at]));
  const placeOf = ({ producer }: Value): number => (producer === undefined ? -1 : places.get(producer)!);
  return placeOf(shortcut) < placeOf(result);
}

/** Whether an input has part in it: what constants make is a constant, folded or not. */
function isComputed(value: Value, seen = new Set<Value>()): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return value.producer === undefined || value.producer.operands.some((operand) => isComputed(operand, seen));
}

/** What one sample says of a layer's aim. */
export interface AimSample {
  /** What the layer gave in the network it is fitted to. */
  readonly result: Tensor;
  /** What that made with the shortcut there, and the shortcut as it is now. */
  readonly sum?: { readonly target: Tensor; readonly shortcut: Tensor } | undefined;
}

/** What the layer is to give by itself. */
export function wantedResult({ result, sum }: AimSample, { low, high }: Bounds): Tensor {
  if (sum === undefined) return result;
  const [targets, shortcuts] = [numbersOf(sum.target), numbersOf(sum.shortcut)];
  const wanted = Float64Array.from(numbersOf(result), (y, i) => {
    const [s, rest] = [targets[i]!, shortcuts[i]!];
    if (s <= low) return Math.min(y, low - rest);
    return s >= high ? Math.max(y, high - rest) : s - rest;
  });
  return tensor("f64", result.shape, wanted);
}
