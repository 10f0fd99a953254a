import { stridesOf } from "../tensor/tensor.ts";
import { affine } from "./build.ts";
import type { Affine } from "./expression.ts";

/** The row-major number of the element an index names in a dense tensor of this shape. */
export function flatten(index: readonly Affine[], shape: readonly number[]): Affine {
  const strides = stridesOf(shape);
  return affine(
    index.reduce((sum, part, axis) => sum + part.constant * strides[axis]!, 0),
    ...index.flatMap((part, axis) =>
      part.terms.map(({ variable, factor }) => [variable, factor * strides[axis]!] as const),
    ),
  );
}
