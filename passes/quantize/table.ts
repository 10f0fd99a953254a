/** The table of a function of one stored element: its values at all 256 reals, in doubles, rounded once by quantization. */
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { evaluateUnary } from "../../src/expr/evaluate.ts";
import { Graph, type Operation } from "../../src/ir/graph.ts";
import { tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import { dequantizeValue, quantizeValue } from "../../src/numerics/affine.ts";
import { pow2 } from "../../src/numerics/float-bits.ts";
import { knots } from "../../src/ops/interpolate.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

/** Entry i is the result for the i-th stored integer of `from`, through the chain of functions, as an integer of `to`. */
export function tableOf(from: TensorType, chain: readonly Operation[], to: TensorType): Tensor {
  const reals = realsThrough({ element: from.element, quantization: from.quantization! }, chain);
  const { min, max } = elementRange(to.element);
  const [scale, zero] = [to.quantization!.scale[0]!, to.quantization!.zero[0]!];
  return tensor(
    to.element,
    [256],
    Array.from(reals, (x) => quantizeValue(x, scale, zero, min, max)),
  );
}

/** The chain's results for all 256 reals that integers of `from` stand for, unrounded. */
export function realsThrough(
  { element, quantization }: Pick<TensorType, "element"> & { readonly quantization: Quantization },
  chain: readonly Operation[],
): Float64Array {
  const lowest = elementRange(element).min;
  const integers = Array.from({ length: 256 }, (_, i) => lowest + i);
  return realsAt(integers, quantization, chain);
}

const extraBits = 7;

export interface Knots {
  readonly table: Tensor;
  readonly fraction: number;
}

/** The table that interpolates the same for 16-bit integers of `from`; 8-bit results get fractional bits, so that lines run between them. */
export function knotsOf(from: TensorType, chain: readonly Operation[], to: TensorType): Knots {
  const reals = realsAt(knots, from.quantization!, chain);
  const fraction = to.element === "i16" ? 0 : extraBits;
  const unit = pow2(fraction);
  const { min, max } = elementRange("i16");
  const [resultScale, resultZero] = [to.quantization!.scale[0]!, to.quantization!.zero[0]!];
  const entries = Array.from(reals, (x) => quantizeValue(x, resultScale / unit, resultZero * unit, min, max));
  return { table: tensor("i16", [knots.length], entries), fraction };
}

/** The chain's results at the reals that these integers of `from` stand for, unrounded. */
function realsAt(
  integers: readonly number[],
  { scale, zero }: Quantization,
  chain: readonly Operation[],
): Float64Array {
  const start = Float64Array.from(integers, (q) => dequantizeValue(q, scale[0]!, zero[0]!));
  return chain.reduce((reals: Float64Array, operation) => apply(operation, reals), start);
}

/** How far lines between knots leave the functions at most, in steps of the result, wherever it can hold what they give. */
export function farthestFromLine(
  { table, fraction }: Knots,
  from: TensorType,
  chain: readonly Operation[],
  to: TensorType,
): number {
  const { min, max } = elementRange(from.element);
  const reals = realsAt(
    Array.from({ length: max - min + 1 }, (_, i) => min + i),
    from.quantization!,
    chain,
  );
  const limits = elementRange(to.element);
  const [scale, zero] = [to.quantization!.scale[0]!, to.quantization!.zero[0]!];
  const entries = numbersOf(table);
  const perKnot = knots[1]! - knots[0]!;
  let farthest = 0;
  reals.forEach((real, i) => {
    const exact = real / scale + zero;
    if (!(exact >= limits.min && exact <= limits.max)) return;
    const j = Math.floor(i / perKnot);
    const line = entries[j]! + ((entries[j + 1]! - entries[j]!) * (i % perKnot)) / perKnot;
    farthest = Math.max(farthest, Math.abs(line / pow2(fraction) - exact));
  });
  return farthest;
}

/** The operation on that many elements, whatever its own shape: it works element by element. */
function apply({ definition, attributes }: Operation, reals: Float64Array): Float64Array<ArrayBuffer> {
  const graph = new Graph("table");
  const input = graph.addInput("x", tensorType("f32", [reals.length]));
  const copy = graph.createGeneric(definition, [input], attributes);
  const references = tensorReferences();
  const { steps, result } = expressOperation(copy, references);
  return Float64Array.from(evaluateUnary(steps, references(input), result, reals));
}
