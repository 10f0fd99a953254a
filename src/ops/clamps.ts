/**
 * Operators whose meaning is low <= y <= high, real or stored. A bound b is stored as zero + round(b / scale) within the
 * element's range; where a requantization feeds such an operator, its clamp takes the bounds over.
 */
import { axes, at, clamp, compute, i32, load, max, min } from "../expr/build.ts";
import { like } from "../expr/element-arithmetic.ts";
import type { Expression, Step } from "../expr/expression.ts";
import type { ExpressOperand, ExpressResult, InferFail } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementRange } from "../tensor/element-type.ts";
import { floatElements, isPlain, requireActivation, requirePlain } from "./type-rules.ts";

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Real, or stored with one scale: the result has the operand's type. */
export function clampType(input: TensorType, { low, high }: Bounds, fail: InferFail): TensorType {
  if (!(low <= high)) fail("attribute", `has bounds ${low} and ${high}, expected the lower first`);
  if (isPlain(input)) requirePlain("input", input, floatElements, fail);
  else requireActivation("input", input, fail);
  return input;
}

/** The bounds as integers of a stored type with one scale. */
export function storedBounds(type: TensorType, bounds: Bounds): Bounds {
  const { min, max } = elementRange(type.element);
  const { scale, zero } = type.quantization!;
  const store = (bound: number): number =>
    Math.max(min, Math.min(max, roundHalfAwayFromZero(bound / scale[0]!) + zero[0]!));
  return { low: store(bounds.low), high: store(bounds.high) };
}

export function expressClamp(input: ExpressOperand, bounds: Bounds, result: ExpressResult): readonly Step[] {
  const domain = axes(result.type.shape, []);
  const x = load(input.tensor, domain.map(at));
  return [compute(result.tensor, domain, clampExpression(x, input.type, bounds))];
}

function clampExpression(x: Expression, type: TensorType, bounds: Bounds): Expression {
  if (isPlain(type)) {
    const above = bounds.low === -Infinity ? x : max(x, like(x, bounds.low));
    return bounds.high === Infinity ? above : min(above, like(x, bounds.high));
  }
  const { low, high } = storedBounds(type, bounds);
  return clamp(x, i32(low), i32(high));
}
