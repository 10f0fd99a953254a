/**
 * Tensor types. Quantization lives here, so that the algebra of scales is type checking: a value of type
 * `tensor<4xi8, 0.5:-3>` holds integers q that stand for the reals 0.5 * (q + 3).
 */
import type { ElementType } from "../tensor/element-type.ts";
import { formatNumber } from "../numerics/shortest.ts";

/**
 * The affine meaning of stored integers: real = scale * (stored - zero).
 * One scale and one zero for the whole tensor when `axis` is absent; one of each per slice along `axis` otherwise.
 * Scales are f32 numbers kept in doubles (algorithms.md 1.2).
 */
export interface Quantization {
  readonly scale: readonly number[];
  readonly zero: readonly number[];
  readonly axis?: number;
}

export interface TensorType {
  readonly shape: readonly number[];
  readonly element: ElementType;
  readonly quantization?: Quantization;
}

export const perTensor = (scale: number, zero: number): Quantization => ({ scale: [scale], zero: [zero] });

export function tensorType(
  element: ElementType,
  shape: readonly number[],
  quantization?: Quantization,
): TensorType {
  return quantization === undefined ? { shape, element } : { shape, element, quantization };
}

/** The same elements and quantization in another shape; `axis` says where a per-slice axis went. */
export function withShape(type: TensorType, shape: readonly number[], axis?: number): TensorType {
  const { quantization } = type;
  if (quantization?.axis === undefined) return tensorType(type.element, shape, quantization);
  return tensorType(type.element, shape, { ...quantization, axis: axis ?? quantization.axis });
}

/** Scale and zero of the slice `index` along the quantized axis (or of the whole tensor). */
export function sliceQuantization(
  quantization: Quantization,
  index: number,
): { scale: number; zero: number } {
  const at = quantization.axis === undefined ? 0 : index;
  return { scale: quantization.scale[at]!, zero: quantization.zero[at]! };
}

const sameNumbers = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => Object.is(x, b[i]));

export function sameQuantization(a: Quantization | undefined, b: Quantization | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return sameNumbers(a.scale, b.scale) && sameNumbers(a.zero, b.zero) && a.axis === b.axis;
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => sameNumbers(a, b);

export const sameType = (a: TensorType, b: TensorType): boolean =>
  a.element === b.element && sameShape(a.shape, b.shape) && sameQuantization(a.quantization, b.quantization);

/** `0.02:-128` per tensor, `{0.1, 0.2}:0 @3` per slice of axis 3 (equal zeros are written once). */
export function formatQuantization({ scale, zero, axis }: Quantization): string {
  if (axis === undefined) return `${formatNumber(scale[0]!)}:${String(zero[0])}`;
  const zeros = zero.every((z) => z === zero[0]) ? String(zero[0] ?? 0) : `{${zero.join(", ")}}`;
  return `{${scale.map((s) => formatNumber(s)).join(", ")}}:${zeros} @${axis}`;
}

/** `tensor<1x16xi8, 0.02:-128>`; `quantization` stands in for the part after the comma (an alias). */
export function formatType(type: TensorType, quantization?: string): string {
  const dims = type.shape.map((extent) => `${extent}x`).join("");
  const tail = quantization ?? (type.quantization && formatQuantization(type.quantization));
  return `tensor<${dims}${type.element}${tail === undefined ? "" : `, ${tail}`}>`;
}
