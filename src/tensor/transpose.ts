/** Reordering the axes of tensors and of shapes. Axis i of a result is axis `permutation[i]` of the operand, as in numpy and ONNX. */
import { allocate, elementCount, stridesOf, tensor, type Tensor } from "./tensor.ts";

export const permuteShape = (shape: readonly number[], permutation: readonly number[]): number[] =>
  permutation.map((axis) => shape[axis]!);

/** The permutation that undoes one. */
export function inversePermutation(permutation: readonly number[]): number[] {
  const inverse = permutation.map(() => 0);
  permutation.forEach((axis, i) => (inverse[axis] = i));
  return inverse;
}

/** One permutation for two in a row: `first` is applied to the operand, `second` to its result. */
export const composePermutations = (first: readonly number[], second: readonly number[]): number[] =>
  second.map((axis) => first[axis]!);

export const isIdentityPermutation = (permutation: readonly number[]): boolean =>
  permutation.every((axis, i) => axis === i);

/** True when a transposition leaves the elements in their order: only axes of extent 1 change places. */
export function keepsOrder(shape: readonly number[], permutation: readonly number[]): boolean {
  const moved = permutation.filter((axis) => shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!);
}

export function transposeTensor({ element, shape, data }: Tensor, permutation: readonly number[]): Tensor {
  const target = permuteShape(shape, permutation);
  const steps = permuteShape(stridesOf(shape), permutation);
  const result = allocate(element, elementCount(target));
  const position = target.map(() => 0);
  let from = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = data[from]!;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++position[axis]! < target[axis]!) break;
      from -= steps[axis]! * target[axis]!;
      position[axis] = 0;
    }
  }
  return tensor(element, target, result);
}
