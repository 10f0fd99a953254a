/** Scales and zero points of a quantized type as expressions: a constant, or a load from a constant tensor per slice. */
import { at, constant, i32, load } from "../expr/build.ts";
import type { Expression, IndexVariable } from "../expr/expression.ts";
import type { ExpressResult } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import { tensor } from "../tensor/tensor.ts";

export function sliceScale(
  precision: "f32" | "f64",
  type: TensorType,
  domain: readonly IndexVariable[],
  result: ExpressResult,
): Expression {
  const { scale, axis } = type.quantization!;
  const scales = precision === "f32" ? scale.map(Math.fround) : scale;
  if (axis === undefined) return constant(precision, scales[0]!);
  return load(result.constant("scale", tensor(precision, [scales.length], scales)), [at(domain[axis]!)]);
}

export function sliceZero(
  domain: readonly IndexVariable[],
  result: ExpressResult,
  type: TensorType = result.type,
): Expression {
  const { zero, axis } = type.quantization!;
  if (axis === undefined || zero.every((z) => z === zero[0])) return i32(zero[0]!);
  return load(result.constant("zero", tensor("i32", [zero.length], zero)), [at(domain[axis]!)]);
}
