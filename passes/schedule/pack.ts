/**
 * Packing is computed, never written: a schedule says in which order it will read a constant, and gets a copy in that order. Where the
 * order runs past the constant's own extent (tiles that overhang), the copy holds zeros.
 */
import { flatten } from "../../src/expr/flatten.ts";
import type { Affine, IndexVariable, Load, TensorReference } from "../../src/expr/expression.ts";
import type { MemoryElement, BufferData } from "../../src/loops/loop.ts";
import { allocate } from "../../src/tensor/tensor.ts";

/** A constant as a load walks it: element `constant + Σ strideOf(v)·v` of `at`. */
export interface ConstantWalk {
  readonly at: (position: number) => number;
  readonly constant: number;
  readonly strideOf: (v: IndexVariable) => number;
}

export function walkConstant({ tensor, index }: Load): ConstantWalk {
  const data = tensor.data?.data;
  if (data === undefined) throw new Error(`internal: ${tensor.name} is no constant`);
  const flat = flatten(index as readonly Affine[], tensor.shape);
  const strides = new Map(flat.terms.map(({ variable, factor }) => [variable, factor]));
  return {
    at: (position) => Number(data[position]!),
    constant: flat.constant,
    strideOf: (v) => strides.get(v) ?? 0,
  };
}

/** What every point of a box adds to a position, in row-major order. */
export function pointOffsets(
  variables: readonly IndexVariable[],
  strideOf: (v: IndexVariable) => number,
): number[] {
  return variables.reduce<number[]>(
    (offsets, v) =>
      offsets.flatMap((offset) => Array.from({ length: v.extent }, (_, i) => offset + i * strideOf(v))),
    [0],
  );
}

/** A copy of a constant whose axes are `order`, outermost first: the last is contiguous. */
export function reorderConstant(
  load: Load,
  order: readonly IndexVariable[],
): { tensor: TensorReference; load: Load } {
  const { element } = load.tensor;
  const shape = order.map((v) => v.extent);
  const walk = walkConstant(load);
  const data = allocate(
    element,
    shape.reduce((n, extent) => n * extent, 1),
  );
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  pointOffsets(order, walk.strideOf).forEach((offset, i) => {
    const value = walk.at(walk.constant + offset);
    if (big) data[i] = BigInt(value);
    else data[i] = value;
  });
  const tensor: TensorReference = {
    name: `${load.tensor.name}:by_${order.map((v) => v.name).join("")}`,
    shape,
    element,
    data: { shape, element, data },
  };
  const index = order.map((variable): Affine => ({ constant: 0, terms: [{ variable, factor: 1 }] }));
  return { tensor, load: { kind: "load", type: load.type, tensor, index } };
}

export function packed(
  element: "i16" | "f32",
  values: readonly number[],
): { element: MemoryElement; data: BufferData } {
  return { element, data: element === "i16" ? Int16Array.from(values) : Float32Array.from(values) };
}
