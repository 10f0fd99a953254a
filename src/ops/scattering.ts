/**
 * Writing to computed places, stated from the side of the result: an element is what the updates that meet it leave.
 *
 *     y[p] = updates[the last u with target(u) = p], or x[p] where there is none           reduction none
 *     y[p] = x[p] (+) (+) updates[u] over all u with target(u) = p                           add, mul, min, max
 *
 * So scattering is an expression like any other, without a store to a computed address, at the price of looking at every
 * update for every element: right for the few updates of small networks.
 */
import { at, compare, i32, indexValue, load, max, min, reduce, select } from "../expr/build.ts";
import {
  addElements,
  fromOrdered,
  highestOrdered,
  like,
  lowestOrdered,
  maxElements,
  minElements,
  mulElements,
  reduceElements,
} from "../expr/element-arithmetic.ts";
import type { Expression, Index, IndexVariable } from "../expr/expression.ts";
import { choice } from "../ir/attributes.ts";
import type { ExpressOperand, InferFail } from "../ir/operation.ts";
import { formatType, sameQuantization, type TensorType } from "../ir/types.ts";
import type { ElementType } from "../tensor/element-type.ts";
import { numberElements, requirePlain, requireWhole } from "./type-rules.ts";

export const scatterReduction = choice(["none", "add", "mul", "min", "max"], "none");
type Reduction = NonNullable<(typeof scatterReduction)["default"]>;

export interface Scatter {
  readonly element: ElementType;
  /** The operand's element at the result's place. */
  readonly original: Expression;
  /** The number of an update among those that may meet the place. */
  readonly update: IndexVariable;
  /** 1 where the update meets the place. */
  readonly meets: Expression;
  readonly updates: ExpressOperand;
  /** Where the update lies, given its number. */
  readonly indexOf: (update: Index) => readonly Index[];
}

export function requireUpdates(
  input: TensorType,
  updates: TensorType,
  reduction: Reduction,
  fail: InferFail,
): void {
  requireWhole("input", input, fail);
  if (updates.element !== input.element || !sameQuantization(updates.quantization, input.quantization))
    fail(
      "operand-type",
      `has updates ${formatType(updates)} of ${formatType(input)}, expected one element type`,
    );
  if (reduction !== "none") requirePlain("input", input, numberElements, fail);
}

export function scattered(scatter: Scatter, reduction: Reduction): Expression {
  const { element, original, update, meets, updates, indexOf } = scatter;
  if (reduction === "none") {
    const place = indexValue(at(update));
    const last = reduce("max", [update], select(meets, place, i32(-1)), i32(-1));
    const value = load(updates.tensor, indexOf({ value: max(last, i32(0)) }));
    return select(compare("ge", last, i32(0)), value, original);
  }
  const { start, operator, join } = reductions[reduction];
  const value = load(updates.tensor, indexOf({ value: indexValue(at(update)) }));
  const neutral = start(element, value);
  return join(element, original, reduceElements(operator, element, [update], select(meets, value, neutral)));
}

interface Joining {
  readonly operator: "add" | "mul" | "min" | "max";
  readonly start: (element: ElementType, value: Expression) => Expression;
  readonly join: (element: ElementType, a: Expression, b: Expression) => Expression;
}

const reductions: Readonly<Record<Exclude<Reduction, "none">, Joining>> = {
  add: { operator: "add", start: (_, value) => like(value, 0), join: addElements },
  mul: { operator: "mul", start: (_, value) => like(value, 1), join: mulElements },
  min: {
    operator: "min",
    start: (element) => fromOrdered(element, highestOrdered(element)),
    join: minElements,
  },
  max: {
    operator: "max",
    start: (element) => fromOrdered(element, lowestOrdered(element)),
    join: maxElements,
  },
};

/** An index that stays inside an axis of `extent`. */
export const heldInside = (v: IndexVariable, extent: number): Index =>
  v.extent <= extent ? at(v) : { value: min(indexValue(at(v)), i32(extent - 1)) };
