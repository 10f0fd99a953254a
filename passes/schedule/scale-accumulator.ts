/**
 * An accumulator kept 2^j times as large, so that the shift after its requantization's high word is the one whose clamp is saturation
 * (store-vectors.ts). The factor is in the constants, and costs nothing:
 *
 *     rescale(initial + Σ x·w, m, s)  =  rescale(2^j·initial + Σ x·(2^j·w), m, s + j)
 *
 * since (2^j·a·m + 2^(s+j-1)) / 2^(s+j) is (a·m + 2^(s-1)) / 2^s. The multiplier stays the graph's. Accumulators must not wrap, which
 * is proved from the largest weight, activation and initial value; weights must stay i16.
 *
 * Only where it pays: rectified results that vectors write to i16, of products of i16 lanes.
 */
import { i32 } from "../../src/expr/build.ts";
import type { Expression, Load, Step, TensorReference } from "../../src/expr/expression.ts";
import { rewrite } from "../../src/expr/rewrite.ts";
import { children, nodesOf } from "../../src/expr/walk.ts";
import { elementRange, isNarrow } from "../../src/tensor/element-type.ts";
import { elementCount, numbersOf, tensor } from "../../src/tensor/tensor.ts";
import type { Lowering } from "./lowering.ts";
import { matchProduct, type Product } from "./product.ts";
import { isByteRange, saturatingShift } from "./store-vectors.ts";

const wantedShift = 32 + saturatingShift;

/** The step with a larger accumulator, or the step itself. */
export function scaleAccumulator(step: Step, lowering: Lowering): Step {
  if (lowering.layoutOf(step.target).buffer.element !== "i16") return step;
  const product = matchProduct(step, lowering);
  // Packed weights have no room for more bits than theirs.
  if (product?.element !== "i16" || isNarrow(product.weight.tensor.element)) return step;
  const { reduce, weight } = product;
  const nodes = nodesOf(step.value);
  const readers = nodes.filter((e) => children(e).includes(reduce));
  const [rescale] = readers;
  if (readers.length !== 1 || rescale?.kind !== "rescale" || rescale.shift.kind !== "constant") return step;
  const { initial, body } = reduce;
  const isKnown =
    initial.kind === "constant" || (initial.kind === "load" && initial.tensor.data !== undefined);
  if (!isKnown || body.kind !== "binary" || !nodes.some((e) => isRectified(e, rescale))) return step;
  const bits = wantedShift - rescale.shift.value;
  if (bits <= 0 || !mayScale(product, initial, 2 ** bits, lowering)) return step;

  const scaled = (load: Load, element: "i16" | "i32"): Load => {
    const larger = scaledConstant(load.tensor, element, 2 ** bits);
    lowering.addConstant(larger);
    return { ...load, tensor: larger };
  };
  const acc: Expression = {
    ...reduce,
    initial: initial.kind === "load" ? scaled(initial, "i32") : i32(initial.value * 2 ** bits),
    body: rewrite(body, { nodes: new Map([[weight, scaled(weight, "i16")]]) }),
  };
  const larger: Expression = { ...rescale, acc, shift: i32(wantedShift) };
  return { ...step, value: rewrite(step.value, { nodes: new Map([[rescale, larger]]) }) };
}

type Constant = Extract<Expression, { kind: "constant" }>;

/** clamp(rescale, lo, hi), with the bounds of a rectified byte. */
function isRectified(e: Expression, rescale: Expression): boolean {
  if (e.kind !== "binary" || e.operator !== "min" || e.right.kind !== "constant") return false;
  const inner = e.left;
  if (inner.kind !== "binary" || inner.operator !== "max" || inner.right.kind !== "constant") return false;
  return inner.left === rescale && isByteRange({ low: inner.right.value, high: e.right.value });
}

function mayScale(
  { reduce, weight, activation }: Product,
  initial: Expression,
  factor: number,
  lowering: Lowering,
): boolean {
  const range = elementRange(activation.tensor.element);
  const zero = lowering.layoutOf(activation.tensor).bias;
  const activations = Math.max(Math.abs(range.min - zero), Math.abs(range.max - zero));
  const weights = largest(weight.tensor);
  const first = initial.kind === "load" ? largest(initial.tensor) : Math.abs((initial as Constant).value);
  const terms = elementCount(reduce.over.map((v) => v.extent));
  return weights * factor < 2 ** 15 && (first + terms * activations * weights) * factor < 2 ** 31;
}

const largest = (constant: TensorReference): number => {
  let most = 0;
  for (const x of numbersOf(constant.data!)) most = Math.max(most, Math.abs(x));
  return most;
};

function scaledConstant(
  { name, shape, data }: TensorReference,
  element: "i16" | "i32",
  factor: number,
): TensorReference {
  const values = Array.from(numbersOf(data!), (x) => x * factor);
  return { name: `${name}:times${factor}`, shape, element, data: tensor(element, shape, values) };
}
