/**
 * An axis read at new places: each result is a weighted sum of a few entries. All interpolations are tables of indices and weights,
 * made at import: linear ones have two entries a result, cubic ones four, antialiased ones as many as the filter is wide.
 *
 * Stored, weights have 10 bits, and those of one result sum up as the real ones do, so that a constant stays constant:
 *
 *     acc = sum of W[o, t] (q - zero)        W = weight * 2^10, rounded        of the operand's scale / 2^10
 */
import { affine, at, axes, compute, i32, load, mul, sub, sum, variable } from "../expr/build.ts";
import { convertElement, reduceElements } from "../expr/element-arithmetic.ts";
import { int, tensorAttribute } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { perTensor, tensorType } from "../ir/types.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";
import {
  axisOf,
  floatElements,
  isPlain,
  requireActivation,
  requireElement,
  requirePlain,
  resolveAxis,
  zeroOf,
} from "./type-rules.ts";
import { permuteAxis } from "./permuting.ts";

/** What a stored weight of 1 is. */
export const weightUnit = 1024;

export const resample = defineOp({
  name: "resample",
  doc: `y[…, o, …] = sum over t of weights[o, t] * x[…, indices[o, t], …] along axis, for tables [O, T]. Stored, the weights are rounded to
multiples of 2^-10 and the sum of (q - zero) is taken in i32, of the operand's scale / 2^10. Between two axes it is kept in 16 bits
(wide_value). Source: ONNX Resize, modes linear and cubic.`,
  example:
    "%y = resample %x {axis = 1, indices = dense<[[0, 1], [0, 1], [1, 1]]> : tensor<3x2xi32>, weights = dense<[[1, 0], [0.5, 0.5], [1, 0]]> : tensor<3x2xf32>} : tensor<1x3xf32>",
  given: { "%x": "tensor<1x2xf32>" },
  operands: ["input"],
  attrs: { axis: int(), indices: tensorAttribute(), weights: tensorAttribute() },
  integer: { kind: "accumulator", growth: ({ weights }) => largestRow(weights as Tensor) },
  permute: permuteAxis,

  infer({ input }, { axis: given, indices, weights }, fail) {
    const axis = resolveAxis(given, input.shape.length, fail);
    const tables = [indices, weights].map(({ element, shape }) => `${element}[${shape.join(", ")}]`);
    if (
      indices.element !== "i32" ||
      weights.element !== "f32" ||
      indices.shape.length !== 2 ||
      indices.shape.join() !== weights.shape.join()
    )
      fail("attribute", `has tables ${tables.join(" and ")}, expected i32 and f32 of one shape [O, T]`);
    if (numbersOf(indices).some((i: number) => i < 0 || i >= input.shape[axis]!))
      fail("attribute", `reads outside the ${input.shape[axis]!} entries of axis ${axis}`);
    const shape = input.shape.with(axis, indices.shape[0]!);
    if (isPlain(input)) {
      requirePlain("input", input, floatElements, fail);
      return tensorType(input.element, shape);
    }
    const { scale } = requireActivation("input", input, fail);
    requireElement("input", input, ["i8", "u8", "i16"], fail);
    return tensorType("i32", shape, perTensor(scale / weightUnit, 0));
  },

  express({ input }, { axis: given, indices, weights }, result) {
    const axis = axisOf(given, input.type.shape.length);
    const domain = axes(result.type.shape, []);
    const t = variable("t", indices.shape[1]!);
    const row = [at(domain[axis]!), t.extent === 1 ? affine(0) : at(t)];
    const place = load(result.constant("indices", indices), row);
    const element = load(input.tensor, [
      ...domain.slice(0, axis).map(at),
      { value: place },
      ...domain.slice(axis + 1).map(at),
    ]);
    if (isPlain(input.type)) {
      const weight = load(result.constant("weights", weights), row);
      const term = mul(element, convertElement("f32", input.type.element, weight));
      return [compute(result.tensor, domain, reduceElements("add", input.type.element, [t], term))];
    }
    const weight = load(result.constant("weights", storedWeights(weights)), row);
    const term = mul(sub(element, i32(zeroOf(input.type))), weight);
    return [compute(result.tensor, domain, sum([t], term, i32(0)))];
  },

  macs: (_, { indices }, { shape }) => elementCount(shape) * indices.shape[1]!,

  evalStored({ input }, { axis: given, indices, weights }, { operands, result }) {
    const axis = axisOf(given, input.shape.length);
    const [x, places, factors] = [numbersOf(input), numbersOf(indices), numbersOf(storedWeights(weights))];
    const zero = operands.input.quantization!.zero[0]!;
    const inner = elementCount(input.shape.slice(axis + 1));
    const [extent, taps] = [input.shape[axis]!, indices.shape[1]!];
    const rows = result.shape[axis]!;
    const y = new Int32Array(elementCount(result.shape));
    for (let i = 0; i < y.length; i++) {
      const row = Math.floor(i / inner) % rows;
      const first = Math.floor(i / inner / rows) * extent * inner + (i % inner);
      for (let tap = 0; tap < taps; tap++)
        y[i] = y[i]! + factors[row * taps + tap]! * (x[first + places[row * taps + tap]! * inner]! - zero);
    }
    return tensor("i32", result.shape, y);
  },
});

/** The largest sum of a row's magnitudes: 1 for linear weights. */
function largestRow(weights: Tensor): number {
  const [rows, taps] = weights.shape as [number, number];
  const reals = Float64Array.from(numbersOf(weights), Math.abs);
  let largest = 0;
  for (let row = 0; row < rows; row++) {
    const sum = reals.subarray(row * taps, (row + 1) * taps).reduce((total, w) => total + w, 0);
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** Weights in units of 2^-10; what rounding loses of a row's sum goes to its largest weight. */
export function storedWeights(weights: Tensor): Tensor {
  const [rows, taps] = weights.shape as [number, number];
  const reals = Float64Array.from(numbersOf(weights));
  const stored = Int32Array.from(reals, (w) => roundHalfAwayFromZero(w * weightUnit));
  for (let row = 0; row < rows; row++) {
    const own = reals.subarray(row * taps, (row + 1) * taps);
    const rounded = stored.subarray(row * taps, (row + 1) * taps);
    const sum = own.reduce((total, w) => total + w, 0);
    const lost = roundHalfAwayFromZero(sum * weightUnit) - rounded.reduce((total, w) => total + w, 0);
    const largest = own.indexOf(Math.max(...own));
    rounded[largest] = rounded[largest]! + lost;
  }
  return tensor("i32", weights.shape, stored);
}
