/**
 * Packing is computed, never written: a schedule says in which order it will read a constant, and gets a copy in that order. Where the
 * order runs past the constant's own extent (tiles that overhang), the copy holds zeros.
 */
import type { Affine, IndexVariable, Load, TensorReference } from "../../src/expr/expression.ts";
import type { MemoryElement, BufferData } from "../../src/loops/loop.ts";
import { allocate, stridesOf, type TensorData } from "../../src/tensor/tensor.ts";

/** The element a constant load reads when its variables have these values. */
export function constantReader(load: Load): (values: ReadonlyMap<IndexVariable, number>) => number {
  const { tensor } = load;
  const data = tensor.data?.data;
  if (data === undefined) throw new Error(`internal: ${tensor.name} is no constant`);
  const strides = stridesOf(tensor.shape);
  const index = load.index as readonly Affine[];
  return (values) => {
    let at = 0;
    index.forEach((part, axis) => {
      let place = part.constant;
      for (const { variable, factor } of part.terms) place += factor * (values.get(variable) ?? 0);
      at += place * strides[axis]!;
    });
    return Number(data[at]!);
  };
}

/** A copy of a constant whose axes are `order`, outermost first: the last is contiguous. */
export function reorderConstant(
  load: Load,
  order: readonly IndexVariable[],
): { tensor: TensorReference; load: Load } {
  const shape = order.map((v) => v.extent);
  const read = constantReader(load);
  const data = allocate(
    load.tensor.element,
    shape.reduce((n, extent) => n * extent, 1),
  );
  forEachPoint(order, (values, i) => {
    write(data, i, read(values));
  });
  const tensor: TensorReference = {
    name: `${load.tensor.name}.by_${order.map((v) => v.name).join("")}`,
    shape,
    element: load.tensor.element,
    data: { shape, element: load.tensor.element, data },
  };
  const index = order.map((variable): Affine => ({ constant: 0, terms: [{ variable, factor: 1 }] }));
  return { tensor, load: { kind: "load", type: load.type, tensor, index } };
}

/** Every point of a box in row-major order, with its number. */
export function forEachPoint(
  variables: readonly IndexVariable[],
  visit: (values: ReadonlyMap<IndexVariable, number>, position: number) => void,
): void {
  const values = new Map<IndexVariable, number>(variables.map((v) => [v, 0]));
  const total = variables.reduce((n, v) => n * v.extent, 1);
  for (let position = 0; position < total; position++) {
    visit(values, position);
    for (let axis = variables.length - 1; axis >= 0; axis--) {
      const v = variables[axis]!;
      const next = values.get(v)! + 1;
      values.set(v, next === v.extent ? 0 : next);
      if (next !== v.extent) break;
    }
  }
}

export function packed(
  element: "i16" | "f32",
  values: readonly number[],
): { element: MemoryElement; data: BufferData } {
  return { element, data: element === "i16" ? Int16Array.from(values) : Float32Array.from(values) };
}

function write(data: TensorData, i: number, value: number): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
  else data[i] = value;
}
