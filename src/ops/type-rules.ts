/**
 * The parts of type rules that operators share. *Plain* tensors have no quantization, their elements mean themselves: reals
 * (f32, and f64 where an operator takes it), integers, bools. Stored tensors are integers with a quantization. The algebra of scales: a product of integers has the product of their scales, exactly as the double product, so that
 * a type names one accumulator and no other.
 */
import type { InferFail } from "../ir/operation.ts";
import { formatType, type Quantization, tensorType, type TensorType } from "../ir/types.ts";
import {
  elementRange,
  isFloat,
  isInteger,
  narrowElementTypes,
  wholeElementTypes,
  type ElementType,
} from "../tensor/element-type.ts";

export const isReal = (type: TensorType): boolean =>
  type.element === "f32" && type.quantization === undefined;

/** Elements of stored weights. */
export const weightElements: readonly ElementType[] = ["i8", ...narrowElementTypes];

/** Without a quantization, whatever the element. */
export const isPlain = (type: TensorType): boolean => type.quantization === undefined;

export const floatElements: readonly ElementType[] = ["f32", "f64"];
/** Integers that fill their bytes: the narrower ones are weights' alone. */
export const wholeElements: readonly ElementType[] = wholeElementTypes.filter(isInteger);
export const numberElements: readonly ElementType[] = [...floatElements, ...wholeElements];

export const comparableElements: readonly ElementType[] = [...numberElements, "bool"];
export const bitElements: readonly ElementType[] = ["bool", ...wholeElements];

/** A plain tensor of one of these elements. */
export function requirePlain(
  name: string,
  type: TensorType,
  elements: readonly ElementType[],
  fail: InferFail,
): void {
  if (!isPlain(type)) fail("operand-type", `has ${name} ${formatType(type)}, expected no quantization`);
  if (!elements.includes(type.element))
    fail("operand-type", `has ${name} ${formatType(type)}, expected ${elementsText(elements)}`);
}

function elementsText(elements: readonly ElementType[]): string {
  if (elements === numberElements) return "numbers";
  if (elements === wholeElements) return "integers";
  return elements.join(" or ");
}

export function requireSameElement(name: string, type: TensorType, other: TensorType, fail: InferFail): void {
  if (type.element !== other.element)
    fail("operand-type", `has ${name} ${formatType(type)}, expected ${other.element}`);
}

/** Elements of stored activations. */
export const activationElements: readonly ElementType[] = ["i8", "u8", "i16"];

export function requireReal(name: string, type: TensorType, fail: InferFail): void {
  if (!isReal(type)) fail("operand-type", `has ${name} ${formatType(type)}, expected f32`);
}

export function requireRank(
  name: string,
  type: TensorType,
  rank: number,
  layout: string,
  fail: InferFail,
): void {
  if (type.shape.length !== rank)
    fail(
      "operand-shape",
      `has ${name} ${formatType(type)} of rank ${type.shape.length}, expected ${rank} (${layout})`,
    );
}

export function requireElement(
  name: string,
  type: TensorType,
  elements: readonly ElementType[],
  fail: InferFail,
): void {
  if (!elements.includes(type.element))
    fail("operand-type", `has ${name} of ${type.element}, expected ${elements.join(" or ")}`);
}

/** The quantization of a stored operand with one scale; ends with a diagnostic when it has none or several. */
export function requirePerTensor(
  name: string,
  type: TensorType,
  fail: InferFail,
): { scale: number; zero: number } {
  const { quantization } = type;
  if (quantization === undefined)
    fail("quantization", `has ${name} ${formatType(type)} without a quantization`);
  if (quantization.axis !== undefined)
    fail("quantization", `has ${name} quantized along axis ${quantization.axis}, expected one scale`);
  return { scale: quantization.scale[0]!, zero: quantization.zero[0]! };
}

/** Plain, or quantized as a whole: what an operator can take that only moves elements. */
export function requireWhole(name: string, type: TensorType, fail: InferFail): void {
  if (type.quantization?.axis !== undefined)
    fail("quantization", `has ${name} quantized along axis ${type.quantization.axis}, expected one scale`);
}

/** The zero point of a stored operand with one scale, 0 of a real one. For expressions: `infer` has checked the type. */
export const zeroOf = (type: TensorType): number => type.quantization?.zero[0] ?? 0;

/** A stored activation: i8, u8 or i16 with one scale and any zero point. */
export function requireActivation(
  name: string,
  type: TensorType,
  fail: InferFail,
): { scale: number; zero: number } {
  requireElement(name, type, activationElements, fail);
  return requirePerTensor(name, type, fail);
}

/** `axis` of a tensor, negative ones counted from the end. */
export function resolveAxis(axis: number, rank: number, fail: InferFail): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank)
    fail("attribute", `has axis ${axis}, expected one of a tensor of rank ${rank}`);
  return resolved;
}

/** The same for expressions, whose attributes were checked. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/**
 * The result of a weighted sum over weights of at most 8 bits: real, or an i32 accumulator whose scale is the product of its operands'
 * scales, per slice of `axis` when the weight has its axis 0 quantized. Checks the bias, which must have that scale.
 */
export function weightedSumType(
  operands: { readonly input: TensorType; readonly weight: TensorType; readonly bias?: TensorType },
  shape: readonly number[],
  axis: number,
  fail: InferFail,
): TensorType {
  const { input, weight, bias } = operands;
  const channels = weight.shape[0]!;
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== channels))
    fail(
      "operand-shape",
      `has bias ${formatType(bias)}, expected one entry for each of ${channels} output channels`,
    );
  if (isReal(input)) {
    requireReal("weight", weight, fail);
    if (bias !== undefined) requireReal("bias", bias, fail);
    return tensorType("f32", shape);
  }
  const { scale } = requireActivation("input", input, fail);
  requireElement("weight", weight, weightElements, fail);
  const quantization = requireSymmetric("weight", weight, fail);
  const products = quantization.scale.map((s) => scale * s);
  const zero = products.map(() => 0);
  if (bias !== undefined) requireBias(bias, products, quantization.axis === undefined, fail);
  return tensorType(
    "i32",
    shape,
    quantization.axis === undefined ? { scale: products, zero } : { scale: products, zero, axis },
  );
}

function requireSymmetric(name: string, type: TensorType, fail: InferFail): Quantization {
  const { quantization } = type;
  if (quantization === undefined)
    fail("quantization", `has ${name} ${formatType(type)} without a quantization`);
  if (quantization.axis !== undefined && quantization.axis !== 0)
    fail(
      "quantization",
      `has ${name} quantized along axis ${quantization.axis}, expected axis 0 or one scale`,
    );
  const odd = quantization.zero.findIndex((z) => z !== 0);
  if (odd >= 0)
    fail(
      "quantization",
      `has ${name} with zero point ${quantization.zero[odd]!} of slice ${odd}, expected 0`,
    );
  return quantization;
}

function requireBias(bias: TensorType, products: readonly number[], whole: boolean, fail: InferFail): void {
  requireElement("bias", bias, ["i32"], fail);
  const { quantization } = bias;
  if (quantization === undefined) fail("quantization", `has bias ${formatType(bias)} without a quantization`);
  const { scale, zero, axis } = quantization;
  if (axis !== (whole ? undefined : 0))
    fail(
      "quantization",
      `has bias with ${axis === undefined ? "one scale" : `scales along axis ${axis}`}, expected ${whole ? "one scale" : "scales along axis 0"} as the weight`,
    );
  const wrong = products.findIndex((product, c) => !Object.is(product, scale[c]));
  if (wrong >= 0)
    fail(
      "accumulator-scale",
      `adds a bias of scale ${scale[wrong]!} to channel ${wrong}`,
      `its input and weight require ${products[wrong]!}, the product of their scales`,
    );
  const odd = zero.findIndex((z) => z !== 0);
  if (odd >= 0) fail("quantization", `has bias with zero point ${zero[odd]!}, expected 0`);
}

/** Below every element: where a maximum starts. */
export const lowestOf = (type: TensorType): number =>
  isFloat(type.element) ? -Infinity : elementRange(type.element).min;

/** `clamp` names two stored integers of the element, the lower first. */
export function requireClamp(limits: readonly number[], element: ElementType, fail: InferFail): void {
  const [low, high] = limits as [number, number];
  const { min, max } = elementRange(element);
  if (!(low <= high)) fail("attribute", `has clamp [${low}, ${high}], expected the lower bound first`);
  if (low < min || high > max)
    fail("attribute", `has clamp [${low}, ${high}], expected within ${element}'s [${min}, ${max}]`);
}
