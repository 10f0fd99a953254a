/**
 * Softmax, shifted by the largest element so that no exponential overflows.
 *
 * Stored (algorithms.md section 8), with d = (largest q) - q in 0 … 255 and n elements along the axis:
 *
 *     T[d] = round(e^(-scale d) 2^F),  F = min(22, 30 - ceil(log2 n))      S = sum of T[d] <= 2^30
 *     y = min(255, (256 T[d] + S / 2) div S) - 128                         of scale 1/256 and zero -128
 *
 * 256 T + S / 2 <= 2^30 + 2^29, so that everything is a positive i32 and nothing wraps, in C neither. Monotone, and the same
 * for inputs shifted by a constant, by construction. Every T is off by at most 1/2 and S >= 2^F, which moves the quotient by at most
 * 128 (n + 1) / 2^F steps before it is rounded: 0.008 of a step for 256 elements, 0.13 for 1000.
 *
 * Of 16-bit elements d = 256 h + l has 65,536 values, and e^(-scale d) is a product, of two tables in the place of one:
 *
 *     T[d] = (H[h] L[l] + 2^(59 - F)) >> (60 - F)      H[h] = round(e^(-256 scale h) 2^30)      L[l] = round(e^(-scale l) 2^30)
 *
 * Either factor is off by at most 1/2 and at most 2^30, their product by 2^30 + 1/4, so T by 1/2 + 2^(F - 30) <= 1/2 + 2^-8: the bound
 * above with 129 in the place of 128. T[0] = 2^F, the largest, and the proof for 32 bits are the same. Elements that differ by less
 * than what is rounded off may change places by one step.
 */
import {
  add,
  and,
  compute,
  convert,
  div,
  divu,
  f32,
  i32,
  load,
  min,
  mul,
  rescale,
  shr,
  sub,
} from "../expr/build.ts";
import { expExpression } from "../expr/elementary.ts";
import type { Affine, Expression, Step } from "../expr/expression.ts";
import { choice, int } from "../ir/attributes.ts";
import { defineOp, type ExpressOperand, type ExpressResult } from "../ir/operation.ts";
import { perTensor, tensorType, type TensorType } from "../ir/types.ts";
import type { ElementType } from "../tensor/element-type.ts";
import { exp } from "../numerics/elementary.ts";
import { tfliteExponentials } from "../numerics/fixed-point.ts";
import { pow2 } from "../numerics/float-bits.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { permuteAxis } from "./permuting.ts";
import { fixedPointRow, fixedPointSteps, requireFixedPoint } from "./softmax-fixed-point.ts";
import { largestStep, loopsOver, reduceAlong } from "./softmax-loops.ts";
import { axisOf, isReal, requireActivation, requireElement, resolveAxis } from "./type-rules.ts";

const stored = perTensor(1 / 256, -128);

export const softmax = defineOp({
  name: "softmax",
  doc: `y = e^(x - m) / (sum of e^(x - m)) along axis, m the largest x; exponentials rounded to f32, sum and quotient in f32.
Stored, of any quantization to i8 of scale 1/256 and zero -128, through a table of exponentials, of i16 two of them, and one division; with
stored_as = "fixed-point", of i8 or u8, by the arithmetic of TensorFlow Lite's and CMSIS-NN's kernels, without a division.
Source: ONNX Softmax; TensorFlow Lite quantization specification, SOFTMAX.`,
  example: "%y = softmax %x : tensor<2x3xf32>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  attrs: { axis: int(-1), stored_as: choice(["quotient", "fixed-point"], "quotient") },
  integer: { kind: "fixed", result: stored, tflite: { stored_as: "fixed-point" } },
  permute: permuteAxis,

  infer({ input }, attrs, fail) {
    const axis = resolveAxis(attrs.axis, input.shape.length, fail);
    if (isReal(input)) return input;
    requireActivation("input", input, fail);
    if (attrs.stored_as === "fixed-point") requireElement("input", input, ["i8", "u8"], fail);
    if (input.shape[axis]! > 2 ** 23)
      fail("integer-form", `sums ${input.shape[axis]!} exponentials, expected at most ${2 ** 23}`);
    if (attrs.stored_as === "fixed-point")
      requireFixedPoint(input.quantization!.scale[0]!, input.shape[axis]!, fail);
    return tensorType("i8", input.shape, stored);
  },

  express({ input }, attrs, result) {
    const { shape } = input.type;
    const axis = axisOf(attrs.axis, shape.length);
    if (isReal(input.type)) return realSteps(input, axis, result);
    return attrs.stored_as === "fixed-point"
      ? fixedPointSteps(input, axis, result)
      : storedSteps(input, axis, result);
  },

  evalStored({ input }, { axis: given, stored_as }, { operands, result }) {
    const axis = axisOf(given, input.shape.length);
    const extent = input.shape[axis]!;
    const stride = input.shape.slice(axis + 1).reduce((product, n) => product * n, 1);
    const scale = operands.input.quantization!.scale[0]!;
    const exponential = exponentialOf(operands.input, extent);
    const powers = stored_as === "fixed-point" ? tfliteExponentials(scale) : undefined;
    const x = numbersOf(input);
    const y = new Int8Array(x.length);
    for (let first = 0; first < x.length; first++) {
      // Every row once, from its first element on.
      if (Math.floor(first / stride) % extent !== 0) continue;
      const row = Array.from({ length: extent }, (_, j) => x[first + j * stride]!);
      const results = powers === undefined ? quotientRow(row, exponential) : fixedPointRow(row, powers);
      results.forEach((value, j) => {
        y[first + j * stride] = value;
      });
    }
    return tensor("i8", result.shape, y);
  },
});

/** The oracle of one row, in bigints. */
function quotientRow(row: readonly number[], exponential: (d: number) => bigint): number[] {
  const largest = Math.max(...row);
  const total = row.reduce((s, q) => s + exponential(largest - q), 0n);
  return row.map((q) => {
    const quotient = (256n * exponential(largest - q) + total / 2n) / total;
    return Math.min(255, Number(quotient)) - 128;
  });
}

/** T, in bigints. */
function exponentialOf({ element, quantization }: TensorType, extent: number): (d: number) => bigint {
  const scale = quantization!.scale[0]!;
  if (element !== "i16") {
    const table = numbersOf(exponentials(scale, fractionBits(extent)));
    return (d) => BigInt(table[d]!);
  }
  const [high, low] = [256 * scale, scale].map((step) => numbersOf(exponentials(step, factorBits)));
  const dropped = BigInt(2 * factorBits - fractionBits(extent));
  return (d) => {
    const product = BigInt(high![Math.floor(d / 256)]!) * BigInt(low![d % 256]!);
    return (product + (1n << (dropped - 1n))) >> dropped;
  };
}

function realSteps(input: ExpressOperand, axis: number, result: ExpressResult): Step[] {
  const { shape } = input.type;
  const largest = result.temporary("max", "f32", shape.with(axis, 1));
  const powers = result.temporary("exp", "f32", shape);
  const total = result.temporary("sum", "f32", shape.with(axis, 1));

  const shifted = loopsOver(shape, axis);
  const difference = sub(load(input.tensor, shifted.index), load(largest, shifted.single));
  const power = convert("f32", expExpression(convert("f64", difference)));
  const { domain, index, single } = loopsOver(shape, axis);
  return [
    largestStep(input, axis, largest),
    compute(powers, shifted.domain, power),
    reduceAlong(shape, axis, total, "add", f32(0), (at) => load(powers, at)),
    compute(result.tensor, domain, div(load(powers, index), load(total, single))),
  ];
}

function storedSteps(input: ExpressOperand, axis: number, result: ExpressResult): Step[] {
  const { shape, element, quantization } = input.type;
  const largest = result.temporary("max", element, shape.with(axis, 1));
  const total = result.temporary("sum", "i32", shape.with(axis, 1));
  const exponential = exponentialExpression(quantization!.scale[0]!, element, shape[axis]!, result);
  const power = (index: readonly Affine[], single: readonly Affine[]): Expression =>
    exponential(sub(load(largest, single), load(input.tensor, index)));

  const { domain, index, single } = loopsOver(shape, axis);
  const sumOfRow = load(total, single);
  const half = divu(sumOfRow, i32(2));
  const quotient = divu(add(mul(power(index, single), i32(256)), half), sumOfRow);
  return [
    largestStep(input, axis, largest),
    reduceAlong(shape, axis, total, "add", i32(0), power),
    compute(result.tensor, domain, add(min(quotient, i32(255)), i32(-128))),
  ];
}

/** T of a difference. */
function exponentialExpression(
  scale: number,
  element: ElementType,
  extent: number,
  result: ExpressResult,
): (d: Expression) => Expression {
  const bits = fractionBits(extent);
  if (element !== "i16") {
    const table = result.constant("exponentials", exponentials(scale, bits));
    return (d) => load(table, [{ value: d }]);
  }
  const high = result.constant("high_exponentials", exponentials(256 * scale, factorBits));
  const low = result.constant("low_exponentials", exponentials(scale, factorBits));
  return (d) =>
    rescale(
      load(high, [{ value: shr(d, i32(8)) }]),
      load(low, [{ value: and(d, i32(255)) }]),
      i32(2 * factorBits - bits),
    );
}

/** Of either factor of a 16-bit exponential. */
const factorBits = 30;

/** F: so many that n exponentials sum up to at most 2^30. */
function fractionBits(n: number): number {
  let bits = 22;
  while (n > pow2(30 - bits)) bits--;
  return bits;
}

/** e^(-scale d) for d = 0 … 255, in fixed point. */
function exponentials(scale: number, bits: number): Tensor {
  const unit = pow2(bits);
  return tensor(
    "i32",
    [256],
    Array.from({ length: 256 }, (_, d) => roundHalfAwayFromZero(exp(-scale * d) * unit)),
  );
}
