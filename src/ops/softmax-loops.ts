/** The loops that softmax's forms are made of: over all elements, and along its axis. */
import { affine, at, axes, compute, constant, load, reduce, scalarTypeOf, variable } from "../expr/build.ts";
import type { Affine, Expression, IndexVariable, Step, TensorReference } from "../expr/expression.ts";
import type { ExpressOperand } from "../ir/operation.ts";
import { lowestOf } from "./type-rules.ts";

/** The loops of an elementwise step over `shape`, and of a reduction along `axis` of it. */
export interface Loops {
  readonly domain: readonly IndexVariable[];
  readonly index: readonly Affine[];
  /** The index of what has one element for the whole axis. */
  readonly single: readonly Affine[];
}

export function loopsOver(shape: readonly number[], axis: number): Loops {
  const domain = axes(shape, []);
  const index = domain.map(at);
  return { domain, index, single: index.with(axis, affine(0)) };
}

/** One element for the whole axis: a temporary reduced from the element that `body` gives at an index. */
export function reduceAlong(
  shape: readonly number[],
  axis: number,
  target: TensorReference,
  operator: "add" | "max",
  initial: Expression,
  body: (index: readonly Affine[], single: readonly Affine[]) => Expression,
): Step {
  const { domain, index } = loopsOver(shape.with(axis, 1), axis);
  const along = variable("k", shape[axis]!);
  const value = reduce(operator, [along], body(index.with(axis, at(along)), index), initial);
  return compute(target, domain, value);
}

export function largestStep(
  { tensor: x, type }: ExpressOperand,
  axis: number,
  target: TensorReference,
): Step {
  const lowest = constant(scalarTypeOf(x), lowestOf(type));
  return reduceAlong(type.shape, axis, target, "max", lowest, (index) => load(x, index));
}
