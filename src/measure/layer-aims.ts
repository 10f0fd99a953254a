/**
 * What a layer should bring about when it is fitted to the network it was in. Mostly its result; but at the end of a residual branch the sum
 * with the shortcut, which only this layer can still move: of the sum s = y + x it is to give y = s - x', with x' the shortcut as it is
 * now (He, Zhang and Sun, "Channel pruning", "multi-branch enhancement" in section 3.3).
 */
import type { Graph, Operation, Value } from "../ir/graph.ts";
import { isConstant, onlyUser } from "../ir/match.ts";
import { sameShape } from "../ir/types.ts";
import { add } from "../ops/add.ts";
import { numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";

export interface LayerAim {
  readonly target: Value;
  /** What is added to the layer's result to make the target. */
  readonly shortcut?: Value;
}

/** The sum with a shortcut only where the shortcut is computed before the layer. */
export function aimOf(graph: Graph, { result }: Operation): LayerAim {
  const user = onlyUser(graph, result);
  if (user?.definition !== add) return { target: result };
  const shortcut = user.operands.find((operand) => operand !== result);
  if (shortcut === undefined || isConstant(shortcut) || !sameShape(shortcut.type.shape, result.type.shape))
    return { target: result };
  const order = new Map(graph.operations.map((operation, at) => [operation, at]));
  const at = (value: Value): number => (value.producer === undefined ? -1 : order.get(value.producer)!);
  return at(shortcut) < at(result) ? { target: user.result, shortcut } : { target: result };
}

/** What the layer is to give by itself. */
export function lessShortcut(target: Tensor, shortcut: Tensor | undefined): Tensor {
  const numbers = Float64Array.from(numbersOf(target));
  if (shortcut !== undefined) numbersOf(shortcut).forEach((x: number, i: number) => (numbers[i]! -= x));
  return tensor("f64", target.shape, numbers);
}
