/**
 * Normalization over axes, layer normalization when they are the last, instance normalization when they are those of an image, with a
 * gain and an offset for each entry of the last axis. Without centring it is normalization by the root of the mean square.
 *
 * Stored (algorithms.md section 8), for N elements p = q - zero of scale s, nothing of which depends on the scale but epsilon's part:
 *
 *     S = sum p (0 without centring)    Q = sum p^2    D = (N Q - S^2) 2^f + round(N^2 epsilon / s^2 2^f)
 *     n = (N p - S) / sqrt(D / 2^f)     |n| <= sqrt(N)
 *
 * with f as large as 62 bits allow, so that rounding epsilon's part is not felt. Where all elements of a row are alike n is 0 whatever
 * D is: D is taken to be at least 2^f. 1 / sqrt(D) is a multiplier and a shift, once a row (inverse-root.ts), n has F fractional bits by
 * one rescaling, and
 *
 *     acc = n w + b          of scale 2^-F times the weight's
 *
 * is an accumulator like a layer's: requantization does the rest. F is chosen so that 127 |n| leaves half of 31 bits for b. The clamp
 * of n never acts: it is what the proof of bounds reads. Squares of 16-bit elements are summed in 64 bits.
 */
import {
  add,
  affine,
  at,
  axes as axesOf,
  clamp,
  compute,
  constant,
  convert,
  div,
  f32,
  i32,
  load,
  max,
  mul,
  rescale,
  shl,
  sub,
  sum,
  unary,
} from "../expr/build.ts";
import type { Affine, Expression, Step, TensorReference } from "../expr/expression.ts";
import { inverseRoot } from "../expr/inverse-root.ts";
import { bool, float, ints } from "../ir/attributes.ts";
import { defineOp, type ExpressOperand, type ExpressResult, type InferFail } from "../ir/operation.ts";
import { formatType, perTensor, tensorType, type TensorType } from "../ir/types.ts";
import { pow2 } from "../numerics/float-bits.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementRange } from "../tensor/element-type.ts";
import { reducedCount, reducedShape, reductionLoops } from "./reductions.ts";
import { isReal, requireActivation, requireRank, weightedSumType, zeroOf } from "./type-rules.ts";

/** Elements differ by at most so much. */
const spanOf = ({ element }: TensorType): number => {
  const { min, max } = elementRange(element);
  return max - min;
};

/** Of 8 bits the sum of so many squares, of 16 bits so many times a difference, stays within 31 bits. */
const mostElements = (input: TensorType): number => (input.element === "i16" ? 2 ** 14 : 2 ** 15);

export const layerNorm = defineOp({
  name: "layer_norm",
  doc: `y = (x - m) / sqrt(v + epsilon) * weight + bias, m the mean and v the mean square of x - m over axes, weight and bias [C] along the
last axis, every step in f32; with centre = false, m is 0.
Stored, acc = n * weight + bias in i32, n the normalized element with F fractional bits, of scale 2^-F times the weight's.
Source: ONNX LayerNormalization, InstanceNormalization, RMSNormalization; Ba, Kiros and Hinton 2016.`,
  example: "%y = layer_norm %x, %w, %b {axes = [-1]} : tensor<2x4xf32>",
  given: { "%x": "tensor<2x4xf32>", "%w": "tensor<4xf32>", "%b": "tensor<4xf32>" },
  operands: ["input", "weight", "bias?"],
  attrs: { axes: ints(), epsilon: float(1e-5), centre: bool(true) },
  integer: { kind: "accumulator", weight: "weight", weightAxis: 0, bias: "bias" },

  infer(operands, attrs, fail) {
    const { axes, epsilon } = attrs;
    const { input, weight } = operands;
    reducedShape(input, { axes, keepdims: true }, fail);
    requireRank("weight", weight, 1, "C", fail);
    if (weight.shape[0] !== input.shape.at(-1))
      fail(
        "operand-shape",
        `has weight ${formatType(weight)}, expected ${input.shape.at(-1)!} entries, as the input's last axis has`,
      );
    if (!(epsilon >= 0)) fail("attribute", `has epsilon ${epsilon}, expected at least 0`);
    const last = input.shape.length - 1;
    if (isReal(input)) return weightedSumType(operands, input.shape, last, fail);
    requireActivation("input", input, fail);
    const count = reducedCount(input.shape, axes);
    const most = mostElements(input);
    if (count > most)
      fail("integer-form", `normalizes ${count} elements at a time, expected at most ${most}`);
    requireRoom(input, attrs, fail);
    const normalized = tensorType("i8", input.shape, perTensor(pow2(-fractionBits(count)), 0));
    return weightedSumType({ ...operands, input: normalized }, input.shape, last, fail);
  },

  express({ input, weight, bias }, attrs, result) {
    const row = rowOf(input.type.shape, attrs.axes);
    const normal = isReal(input.type)
      ? realSteps(input, row, attrs, result)
      : storedSteps(input, row, attrs, result);
    const { domain } = row;
    const channel = [at(domain.at(-1)!)];
    const scaled = mul(normal.element, load(weight.tensor, channel));
    const value = bias === undefined ? scaled : add(scaled, load(bias.tensor, channel));
    return [...normal.steps, compute(result.tensor, domain, value)];
  },

  macs: (_, __, { shape }) => shape.reduce((product, extent) => product * extent, 2),
});

interface Attributes {
  readonly axes: readonly number[];
  readonly epsilon: number;
  readonly centre: boolean;
}

/** A row is what is normalized together; it has one entry in temporaries of `shape`. */
interface Row {
  readonly axes: readonly number[];
  readonly shape: readonly number[];
  readonly count: number;
  /** Loops over all elements, and the index of the element's row. */
  readonly domain: ReturnType<typeof axesOf>;
  readonly index: readonly Affine[];
}

function rowOf(shape: readonly number[], axes: readonly number[]): Row {
  const reduced = shape.map((_, axis) => axes.some((a) => (a < 0 ? a + shape.length : a) === axis));
  const domain = axesOf(shape, []);
  return {
    axes,
    shape: shape.map((extent, axis) => (reduced[axis]! ? 1 : extent)),
    count: reducedCount(shape, axes),
    domain,
    index: domain.map((v, axis) => (reduced[axis]! ? affine(0) : at(v))),
  };
}

/** One entry for each row, summed up over its elements. */
function sumOverRow(
  input: ExpressOperand,
  row: Row,
  target: TensorReference,
  initial: Expression,
  term: (element: Expression, row: readonly Affine[]) => Expression,
): Step {
  const { domain, over, index } = reductionLoops(input.type.shape, { axes: row.axes, keepdims: true });
  return compute(target, domain, sum(over, term(load(input.tensor, index), domain.map(at)), initial));
}

/** One entry for each row. */
const forEachRow = (
  row: Row,
  target: TensorReference,
  value: (index: readonly Affine[]) => Expression,
): Step => {
  const domain = axesOf(row.shape, []);
  return compute(target, domain, value(domain.map(at)));
};

interface Normal {
  readonly steps: readonly Step[];
  /** Over the row's domain. */
  readonly element: Expression;
}

function realSteps(
  input: ExpressOperand,
  row: Row,
  { centre, epsilon }: Attributes,
  result: ExpressResult,
): Normal {
  const count = f32(row.count);
  const totals = centre ? result.temporary("sum", "f32", row.shape) : undefined;
  const squares = result.temporary("squares", "f32", row.shape);
  const inverse = result.temporary("inverse", "f32", row.shape);
  const centred = (element: Expression, index: readonly Affine[]): Expression =>
    totals === undefined ? element : sub(element, div(load(totals, index), count));
  const square = (x: Expression): Expression => mul(x, x);
  const steps = [
    ...(totals === undefined ? [] : [sumOverRow(input, row, totals, f32(0), (x) => x)]),
    sumOverRow(input, row, squares, f32(0), (x, index) => square(centred(x, index))),
    forEachRow(row, inverse, (index) => {
      const variance = div(load(squares, index), count);
      return div(f32(1), unary("sqrt", add(variance, f32(epsilon))));
    }),
  ];
  const element = centred(load(input.tensor, row.domain.map(at)), row.index);
  return { steps, element: mul(element, load(inverse, row.index)) };
}

function storedSteps(input: ExpressOperand, row: Row, attributes: Attributes, result: ExpressResult): Normal {
  const { centre } = attributes;
  const i64 = (value: number): Expression => constant("i64", value);
  const zero = i32(zeroOf(input.type));
  const totals = centre ? result.temporary("sum", "i32", row.shape) : undefined;
  const squareElement = input.type.element === "i16" ? "i64" : "i32";
  const squares = result.temporary("squares", squareElement, row.shape);
  const spread = result.temporary("spread", "i64", row.shape);
  const multiplier = result.temporary("multiplier", "i32", row.shape);
  const shift = result.temporary("shift", "i32", row.shape);
  const bits = spreadBits(input.type, row.count, attributes);
  const fraction = fractionBits(row.count);
  const square = (x: Expression): Expression => mul(x, x);
  const steps = [
    ...(totals === undefined ? [] : [sumOverRow(input, row, totals, i32(0), (q) => sub(q, zero))]),
    sumOverRow(input, row, squares, constant(squareElement, 0), (q) =>
      square(asElement(squareElement, sub(q, zero))),
    ),
    forEachRow(row, spread, (index) => {
      const product = mul(asElement("i64", load(squares, index)), i64(row.count));
      const difference =
        totals === undefined ? product : sub(product, square(convert("i64", load(totals, index))));
      return max(
        add(shl(difference, i64(bits)), wide(epsilonPart(input.type, row.count, attributes, bits))),
        i64(pow2(bits)),
      );
    }),
    forEachRow(row, multiplier, (index) => inverseRoot(load(spread, index)).multiplier),
    // 1 / sqrt(D / 2^f) is 2^(f / 2) times 1 / sqrt(D): f is even.
    forEachRow(row, shift, (index) => sub(inverseRoot(load(spread, index)).shift, i32(bits / 2 + fraction))),
  ];
  const scaled = mul(sub(load(input.tensor, row.domain.map(at)), zero), i32(row.count));
  const centred = totals === undefined ? scaled : sub(scaled, load(totals, row.index));
  const normal = rescale(centred, load(multiplier, row.index), load(shift, row.index));
  const limit = i32(largestNormal(row.count));
  return { steps, element: clamp(normal, sub(i32(0), limit), limit) };
}

const asElement = (element: "i32" | "i64", x: Expression): Expression =>
  x.type === element ? x : convert(element, x);

/** An integral double below 2^62: constants have 53 bits, which are all that it has. */
function wide(value: number): Expression {
  let bits = 0;
  while (!Number.isSafeInteger(value / pow2(bits))) bits++;
  return shl(constant("i64", value / pow2(bits)), constant("i64", bits));
}

/** F: the most for which 127 sqrt(N) 2^F is at most 2^29.5. */
function fractionBits(count: number): number {
  let bits = 22;
  while (count * pow2(2 * bits) * 127 * 127 > pow2(59)) bits--;
  return bits;
}

/** Of |n| in units of 2^-F, rounding included. */
const largestNormal = (count: number): number => Math.ceil(Math.sqrt(count) * pow2(fractionBits(count))) + 1;

/** N^2 epsilon / s^2 2^bits */
function epsilonPart(input: TensorType, count: number, { epsilon }: Attributes, bits: number): number {
  const scale = input.quantization!.scale[0]!;
  return roundHalfAwayFromZero(((count * count * epsilon) / (scale * scale)) * pow2(bits));
}

const mostSpreadBits = 40;

/** f: the largest even number for which D stays below 2^62; negative when there is none. */
function spreadBits(input: TensorType, count: number, attributes: Attributes): number {
  // The variance is at most half the span, squared, the mean square the span, squared.
  const reach = attributes.centre ? spanOf(input) / 2 : spanOf(input);
  const largest = reach * reach * count * count;
  let bits = mostSpreadBits;
  while (bits >= 0 && largest * pow2(bits) + epsilonPart(input, count, attributes, bits) >= pow2(62))
    bits -= 2;
  return bits;
}

function requireRoom(input: TensorType, attributes: Attributes, fail: InferFail): void {
  if (spreadBits(input, reducedCount(input.shape, attributes.axes), attributes) >= 0) return;
  fail(
    "integer-form",
    `has epsilon ${attributes.epsilon} beside an input of scale ${input.quantization!.scale[0]!}`,
    "its normalized elements are all nearly 0",
  );
}
