/**
 * Which tensor of the file stands for a value, and with its axes in which order.
 *
 * Windows slide over NHWC here and over NCHW in ONNX. So a value's tensor may have its axes in another *order*: axis i of the tensor is
 * axis order[i] of the value. Operators that work on transposed operands take them as they are, transpositions are but
 * another order, and a Transpose node is written only where a reader insists on an order that its operand has not got. Constants
 * are written in the order they are read in.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Value } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import type { TensorType } from "../../src/ir/types.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { isNarrow } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import {
  composePermutations,
  inversePermutation,
  isIdentityPermutation,
  keepsOrder,
  permuteShape,
  transposeTensor,
} from "../../src/tensor/transpose.ts";
import { ints, int, type OnnxAttributes } from "./attributes.ts";
import type { ModelBuilder } from "./model-builder.ts";

export interface Written {
  readonly name: string;
  /** Axis i of the tensor is axis order[i] of the value. */
  readonly order: readonly number[];
}

export const plainOrder = ({ shape }: { readonly shape: readonly number[] }): number[] =>
  shape.map((_, axis) => axis);

/** The order of the same tensor as a transposed value. */
export const transposedOrder = (order: readonly number[], permutation: readonly number[]): number[] =>
  composePermutations(inversePermutation(permutation), order);

export class Tensors {
  readonly #builder: ModelBuilder;
  readonly #homes = new Map<Value, Written>();
  readonly #copies = new Map<Value, Map<string, string>>();
  readonly #reals = new Map<string, string>();
  readonly #scales = new Map<string, readonly string[]>();

  constructor(builder: ModelBuilder) {
    this.#builder = builder;
  }

  /** Where the value was written when it was computed; undefined for constants, which take any order. */
  home(value: Value): Written | undefined {
    return this.#homes.get(value);
  }

  put(value: Value, written: Written): void {
    this.#homes.set(value, written);
  }

  /** The name of the value's tensor in an order; one with more axes than the value has them in front, of extent 1. */
  named(value: Value, order: readonly number[]): string {
    const home = this.#homes.get(value);
    if (home?.order.join() === order.join()) return home.name;
    const copies = this.#copies.get(value) ?? new Map<string, string>();
    this.#copies.set(value, copies);
    const key = order.join();
    const name = copies.get(key) ?? this.#copy(value, order);
    copies.set(key, name);
    return name;
  }

  /** The elements of the value in their plain order, whatever the axes of the tensor: what a Reshape may read. */
  linear(value: Value): string {
    const home = this.#homes.get(value);
    const back = home && inversePermutation(home.order);
    return home !== undefined && keepsOrder(permuteShape(value.type.shape, home.order), back!)
      ? home.name
      : this.named(value, plainOrder(value.type));
  }

  /** Scale and zero point, as QuantizeLinear and DequantizeLinear want them behind the tensor `stored` of this type. */
  scales(stored: string, type: TensorType): readonly string[] {
    const names = this.#scales.get(stored) ?? this.makeScales(stored, type);
    this.#scales.set(stored, names);
    return names;
  }

  /** The same for integers that are yet to be written, whose tensor `setScales` then names. */
  makeScales(wish: string, { element, quantization }: TensorType): readonly string[] {
    const { scale, zero, axis } = quantization!;
    if (scale.some((s) => !(Math.fround(s) > 0)))
      fail("onnx-export", `a scale is ${Math.min(...scale)}, which the float32 of ONNX does not hold`, {
        subject: `%${wish}`,
        help: "leave out the target onnx",
      });
    const shape = axis === undefined ? [] : [scale.length];
    const scales = this.#builder.initializer(`${wish}_scale`, tensor("f32", shape, Float32Array.from(scale)));
    // ONNX knows no zero point of 32 bits but 0, which goes without saying.
    if (element === "i32") return [scales];
    const whole = isNarrow(element) ? "i8" : element;
    return [scales, this.#builder.initializer(`${wish}_zero_point`, tensor(whole, shape, zero))];
  }

  setScales(stored: string, names: readonly string[]): void {
    this.#scales.set(stored, names);
  }

  /** The reals of integers that another value was dequantized from, too. */
  real(stored: string): string | undefined {
    return this.#reals.get(stored);
  }

  setReal(stored: string, name: string): void {
    this.#reals.set(stored, name);
  }

  #copy(value: Value, order: readonly number[]): string {
    const contents = constantOf(value);
    if (contents !== undefined) return this.#builder.initializer(value.name, inOrder(contents, order));
    const { producer } = value;
    const [source] = producer?.operands ?? [];
    const stored = producer?.definition === dequantize ? constantOf(source) : undefined;
    if (stored !== undefined) return this.#dequantized(value, source!, order);
    const home = this.#homes.get(value);
    if (home === undefined) throw new Error(`internal: %${value.name} is read before it is written`);
    const permutation = composePermutations(inversePermutation(home.order), order);
    const name = this.#builder.node("Transpose", [home.name], {
      name: `${value.name}_transposed`,
      attributes: { perm: ints(permutation) },
    });
    this.#builder.describe(name, value.type.element, permuteShape(value.type.shape, order));
    return name;
  }

  #dequantized(value: Value, stored: Value, order: readonly number[]): string {
    const name = this.named(stored, order);
    const front = order.length - stored.type.shape.length;
    const attributes = axisAttribute(stored.type, order, front);
    const inputs = [name, ...this.scales(name, stored.type)];
    const result = this.#builder.node("DequantizeLinear", inputs, { name: value.name, attributes });
    const shape = order.map((axis) => (axis < front ? 1 : stored.type.shape[axis - front]!));
    this.#builder.describe(result, "f32", shape);
    return result;
  }
}

/** The axis that scales belong to, in a tensor of this order. */
export function axisAttribute(
  { quantization }: TensorType,
  order: readonly number[],
  front = 0,
): OnnxAttributes {
  const axis = quantization?.axis;
  return axis === undefined ? {} : { axis: int(order.indexOf(axis + front)) };
}

function inOrder({ element, shape, data }: Tensor, order: readonly number[]): Tensor {
  const front = Array.from({ length: order.length - shape.length }, () => 1);
  const full: Tensor = { element, shape: [...front, ...shape], data };
  return isIdentityPermutation(order) ? full : transposeTensor(full, order);
}
