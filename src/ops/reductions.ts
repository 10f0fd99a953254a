/** What reductions over axes have in common: which axes, the shape left, and the index of the element reduced. */
import { at, variable } from "../expr/build.ts";
import type { Affine, IndexVariable } from "../expr/expression.ts";
import { bool, ints } from "../ir/attributes.ts";
import type { InferFail } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import { axisOf, resolveAxis } from "./type-rules.ts";

export const reductionAttributes = { axes: ints(), keepdims: bool(true) };

export interface ReductionAttributes {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** The result's shape, or a diagnostic when axes are out of range or repeated. */
export function reducedShape(
  input: TensorType,
  { axes, keepdims }: ReductionAttributes,
  fail: InferFail,
): number[] {
  const reduced = axes.map((axis) => resolveAxis(axis, input.shape.length, fail));
  if (new Set(reduced).size !== reduced.length)
    fail("attribute", `has axes [${axes.join(", ")}], expected each once`);
  if (axes.length === 0) fail("attribute", "has no axes, expected at least one");
  return input.shape.flatMap((extent, axis) => (!reduced.includes(axis) ? [extent] : keepdims ? [1] : []));
}

/** How many elements one result stands for. */
export const reducedCount = (shape: readonly number[], axes: readonly number[]): number =>
  axes.reduce((count, axis) => count * shape[axisOf(axis, shape.length)]!, 1);

export interface ReductionLoops {
  /** One variable per axis of the result. */
  readonly domain: readonly IndexVariable[];
  /** One per reduced axis, outermost first. */
  readonly over: readonly IndexVariable[];
  /** The input's element. */
  readonly index: readonly Affine[];
}

export function reductionLoops(
  shape: readonly number[],
  { axes, keepdims }: ReductionAttributes,
): ReductionLoops {
  const reduced = new Set(axes.map((axis) => axisOf(axis, shape.length)));
  const domain: IndexVariable[] = [];
  const over: IndexVariable[] = [];
  const index = shape.map((extent, axis) => {
    if (!reduced.has(axis)) {
      domain.push(variable(`i${axis}`, extent));
      return at(domain.at(-1)!);
    }
    if (keepdims) domain.push(variable(`i${axis}`, 1));
    over.push(variable(`k${axis}`, extent));
    return at(over.at(-1)!);
  });
  return { domain, over, index };
}

/** For oracles: the position in the result that takes the input's element number `position`. */
export function reducedPosition(shape: readonly number[], axes: readonly number[], position: number): number {
  const reduced = new Set(axes.map((axis) => axisOf(axis, shape.length)));
  let rest = position;
  let place = 0;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    if (!reduced.has(axis)) {
      place += (rest % extent) * stride;
      stride *= extent;
    }
    rest = Math.floor(rest / extent);
  }
  return place;
}
