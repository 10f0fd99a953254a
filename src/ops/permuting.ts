/** How operators work on transposed operands: the `permute` of their definitions. Axis i of an operand is axis permutation[i] of its source. */
import type { Permuted } from "../ir/operation.ts";
import type { ReductionAttributes } from "./reductions.ts";
import { axisOf } from "./type-rules.ts";

/** Element-wise operators do not care. */
export const permuteElementwise = <A>(attributes: A, permutation: readonly number[]): Permuted<A> => ({
  attributes,
  permutation,
});

/** Operators along one axis: softmax, concat. */
export const permuteAxis = <A extends { readonly axis: number }>(
  attributes: A,
  permutation: readonly number[],
): Permuted<A> => ({
  attributes: { ...attributes, axis: permutation[axisOf(attributes.axis, permutation.length)]! },
  permutation,
});

/** Reductions: without `keepdims` the result keeps the order of the axes that are left. */
export function permuteReduction<A extends ReductionAttributes>(
  attributes: A,
  permutation: readonly number[],
): Permuted<A> {
  const axes = attributes.axes
    .map((axis) => permutation[axisOf(axis, permutation.length)]!)
    .sort((a, b) => a - b);
  const permuted = { ...attributes, axes };
  if (attributes.keepdims) return { attributes: permuted, permutation };
  const left = permutation.filter((axis) => !axes.includes(axis));
  return {
    attributes: permuted,
    permutation: left.map((axis) => left.filter((other) => other < axis).length),
  };
}

/** A list with one entry for each axis of the operand, as its source wants it. */
export function permuteEntries(entries: readonly number[], permutation: readonly number[]): number[] {
  const permuted = [...entries];
  permutation.forEach((axis, i) => (permuted[axis] = entries[i]!));
  return permuted;
}
