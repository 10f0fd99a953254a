/**
 * Intervals of tensor expressions: the exact smallest and largest value when every element that is not constant ranges over
 * an interval of its own (algorithms.md 10.1).
 *
 * Constants are read element by element, so the interval of a weighted sum is attained, hence exact: its terms read different
 * elements, or one element of which every interval contains the padding's. A sum also gives the bounds of all its partial sums,
 *
 *     [L⁻, U⁺] = [initial + Σ min(0, term), initial + Σ max(0, term)], widened to hold 0
 *
 * whatever their order: what wrapping arithmetic does not need, and saturating or narrow lanes do.
 */
import type { Expression, IndexVariable, TensorReference } from "../../src/expr/expression.ts";
import { isAffine, type Affine } from "../../src/expr/expression.ts";
import { loadsOf } from "../../src/expr/rewrite.ts";
import { elementCount, numbersOf, stridesOf } from "../../src/tensor/tensor.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export const point = (x: number): Interval => ({ low: x, high: x });
export const hull = (a: Interval, b: Interval): Interval => ({
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
});

export interface IntervalOptions {
  /** What the elements of a tensor without data lie in, where each axis is read at `indices`. */
  rangeOf(tensor: TensorReference, indices: readonly Interval[]): Interval;
  /** Called with the bounds of all partial sums of every sum. */
  onPartialSums(bounds: Interval): void;
  /** Called with the bounds of every rescaled accumulator, before it wraps to i32. */
  onRescaled(bounds: Interval): void;
}

type Position = Map<IndexVariable, number>;

/** The interval at one point of the domain: variables that `position` lacks count as ranging over their extents. */
export function intervalOf(root: Expression, position: Position, options: IntervalOptions): Interval {
  const index = (affine: Affine): Interval => {
    let [low, high] = [affine.constant, affine.constant];
    for (const { variable, factor } of affine.terms) {
      const at = position.get(variable);
      const [first, last] = at === undefined ? [0, variable.extent - 1] : [at, at];
      low += Math.min(factor * first, factor * last);
      high += Math.max(factor * first, factor * last);
    }
    return { low, high };
  };

  const load = (e: Extract<Expression, { kind: "load" }>): Interval => {
    const { tensor, fill } = e;
    const indices = e.index.map((i) => (isAffine(i) ? index(i) : visit(i.value)));
    const inside = tensor.data === undefined ? options.rangeOf(tensor, indices) : extremes(tensor, indices);
    if (fill === undefined) return inside;
    const reaches = indices.some(({ low, high }, axis) => low < 0 || high >= tensor.shape[axis]!);
    return reaches ? hull(inside, point(fill)) : inside;
  };

  const reduce = (e: Extract<Expression, { kind: "reduce" }>): Interval => {
    const { operator, over, body, initial } = e;
    let total = visit(initial);
    if (operator === "mul") throw new UnknownInterval("a product over an axis");
    if (operator !== "add") {
      const term = visit(body);
      return operator === "max"
        ? { low: Math.max(total.low, term.low), high: Math.max(total.high, term.high) }
        : { low: Math.min(total.low, term.low), high: Math.min(total.high, term.high) };
    }
    let partial: Interval = hull(point(0), total);
    const count = elementCount(over.map((v) => v.extent));
    const add = (term: Interval, times: number): void => {
      total = { low: total.low + times * term.low, high: total.high + times * term.high };
      partial = {
        low: partial.low + times * Math.min(0, term.low),
        high: partial.high + times * Math.max(0, term.high),
      };
    };
    if (readsConstantsAlong(body, over))
      forEachPosition(over, position, () => {
        add(visit(body), 1);
      });
    else add(visit(body), count);
    options.onPartialSums(partial);
    return total;
  };

  /** A clamp bounds what nothing is known of: one end a minimum, the other a maximum. */
  const limited = (e: Expression): Interval => {
    if (e.kind === "binary" && (e.operator === "min" || e.operator === "max"))
      return binary(e.operator, limited(e.left), limited(e.right));
    try {
      return visit(e);
    } catch (error) {
      if (error instanceof UnknownInterval) return { low: -Infinity, high: Infinity };
      throw error;
    }
  };

  const visit = (e: Expression): Interval => {
    switch (e.kind) {
      case "constant":
        return point(e.value);
      case "index":
        return index(e.index);
      case "load":
        return load(e);
      case "reduce":
        return reduce(e);
      case "binary":
        return e.operator === "min" || e.operator === "max"
          ? finite(limited(e))
          : binary(e.operator, visit(e.left), visit(e.right));
      case "compare":
        return { low: 0, high: 1 };
      case "select":
        return hull(visit(e.whenTrue), visit(e.whenFalse));
      case "convert":
        if (e.type !== "i32" || !["i32", "i64"].includes(e.operand.type))
          throw new UnknownInterval("a conversion");
        return visit(e.operand);
      case "rescale": {
        const [acc, multiplier, shift] = [visit(e.acc), visit(e.multiplier), visit(e.shift)];
        if (multiplier.low !== multiplier.high || shift.low !== shift.high)
          throw new UnknownInterval("a multiplier that varies");
        const rescaled = {
          low: rescaleExactly(acc.low, multiplier.low, shift.low),
          high: rescaleExactly(acc.high, multiplier.high, shift.high),
        };
        options.onRescaled(rescaled);
        return rescaled;
      }
      case "unary":
        throw new UnknownInterval(e.operator);
    }
  };
  return visit(root);
}

/** Thrown where a bound is not known; the element type's range then has to do. */
export class UnknownInterval extends Error {}

function finite(interval: Interval): Interval {
  if (!Number.isFinite(interval.low) || !Number.isFinite(interval.high))
    throw new UnknownInterval("a limit on one side");
  return interval;
}

/** Not wrapped to i32, which would not be monotone. */
function rescaleExactly(acc: number, multiplier: number, shift: number): number {
  if (!Number.isFinite(acc)) throw new UnknownInterval("an accumulator without bounds");
  const product = BigInt(acc) * BigInt(multiplier) + (1n << BigInt(shift - 1));
  return Number(product >> BigInt(shift));
}

function binary(operator: string, a: Interval, b: Interval): Interval {
  const corners = (f: (x: number, y: number) => number): Interval => {
    const values = [f(a.low, b.low), f(a.low, b.high), f(a.high, b.low), f(a.high, b.high)];
    return { low: Math.min(...values), high: Math.max(...values) };
  };
  switch (operator) {
    case "add":
      return { low: a.low + b.low, high: a.high + b.high };
    case "sub":
      return { low: a.low - b.high, high: a.high - b.low };
    case "mul":
      return corners((x, y) => x * y + 0);
    case "min":
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "max":
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case "shr":
      if (b.low === b.high) return corners((x, y) => Math.floor(x / 2 ** y));
      break;
    case "shl":
      if (b.low === b.high) return corners((x, y) => x * 2 ** y);
      break;
  }
  throw new UnknownInterval(operator);
}

/** The extremes of a constant over the box of indices it may be read at. */
function extremes(tensor: TensorReference, indices: readonly Interval[]): Interval {
  const data = numbersOf(tensor.data!);
  const strides = stridesOf(tensor.shape);
  const box = indices.map(({ low, high }, axis) => ({
    low: Math.max(0, low),
    high: Math.min(tensor.shape[axis]! - 1, high),
  }));
  let [low, high] = [Infinity, -Infinity];
  const walk = (axis: number, offset: number): void => {
    if (axis === box.length) {
      low = Math.min(low, data[offset]!);
      high = Math.max(high, data[offset]!);
      return;
    }
    for (let i = box[axis]!.low; i <= box[axis]!.high; i++) walk(axis + 1, offset + i * strides[axis]!);
  };
  walk(0, 0);
  if (low > high) throw new UnknownInterval("an empty constant");
  return { low, high };
}

/** Whether the expression reads a constant at one of these variables. */
export function readsConstantsAlong(e: Expression, variables: readonly IndexVariable[]): boolean {
  return constantVariables(e).some((v) => variables.includes(v));
}

/** The variables that constants are read at. */
export function constantVariables(root: Expression): IndexVariable[] {
  const found = new Set<IndexVariable>();
  for (const load of loadsOf(root)) {
    if (load.tensor.data === undefined) continue;
    for (const i of load.index) if (isAffine(i)) for (const { variable } of i.terms) found.add(variable);
  }
  return [...found];
}

/** Calls `visit` at every point of the variables' index space, with `position` at that point; it loses them afterwards. */
export function forEachPosition(
  variables: readonly IndexVariable[],
  position: Position,
  visit: () => void,
): void {
  const [first, ...rest] = variables;
  if (first === undefined) {
    visit();
    return;
  }
  for (let i = 0; i < first.extent; i++) {
    position.set(first, i);
    forEachPosition(rest, position, visit);
  }
  position.delete(first);
}
