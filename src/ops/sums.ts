/**
 * What sums over axes and means have in common. Stored, both are the accumulator sum of (q - zero) in i32: the mean of N elements has
 * the operand's scale divided by N, so that nothing is divided at run time.
 */
import { i32, load, sub, sum } from "../expr/build.ts";
import { reduceElements } from "../expr/element-arithmetic.ts";
import type { Expression, IndexVariable } from "../expr/expression.ts";
import type { ExpressOperand, InferFail } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import { perTensor, tensorType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { reducedPosition, reducedShape, reductionLoops, type ReductionAttributes } from "./reductions.ts";
import { isPlain, numberElements, requireActivation, requirePlain, zeroOf } from "./type-rules.ts";

/** The type of a sum whose scale is the operand's divided by `count`. */
export function sumType(
  input: TensorType,
  attrs: ReductionAttributes,
  count: number,
  fail: InferFail,
): TensorType {
  const shape = reducedShape(input, attrs, fail);
  if (isPlain(input)) {
    requirePlain("input", input, numberElements, fail);
    return tensorType(input.element, shape);
  }
  const { scale } = requireActivation("input", input, fail);
  return tensorType("i32", shape, perTensor(scale / count, 0));
}

/** The sum of plain elements, or of stored ones less their zero point, and its loops. */
export function sumExpression(
  { tensor: operand, type }: ExpressOperand,
  attrs: ReductionAttributes,
): { readonly domain: readonly IndexVariable[]; readonly total: Expression } {
  const { domain, over, index } = reductionLoops(type.shape, attrs);
  const element = load(operand, index);
  const total = isPlain(type)
    ? reduceElements("add", type.element, over, element)
    : sum(over, sub(element, i32(zeroOf(type))), i32(0));
  return { domain, total };
}

/** For oracles: sums of (q - zero), in order of the result's elements. */
export function storedSums(
  input: Tensor,
  { axes }: ReductionAttributes,
  zero: number,
  shape: readonly number[],
): Tensor {
  const x = numbersOf(input);
  const y = new Int32Array(elementCount(shape));
  for (let i = 0; i < x.length; i++) {
    const place = reducedPosition(input.shape, axes, i);
    y[place] = y[place]! + x[i]! - zero;
  }
  return tensor("i32", shape, y);
}
