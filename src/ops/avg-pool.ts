/**
 * Average pooling. Stored, it is the accumulator sum of (q - zero), whose scale is the operand's divided by the number of
 * cells: padding adds zero. That needs every window to count the same cells; it declines where padding does not count and
 * windows are cut off at the border.
 */
import {
  addAffine,
  affine,
  at,
  axes,
  compute,
  convert,
  div,
  f32,
  i32,
  indexValue,
  load,
  max,
  min,
  mul,
  sub,
  sum,
  variable,
} from "../expr/build.ts";
import type { Affine, Expression, IndexVariable } from "../expr/expression.ts";
import { bool, ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { perTensor, tensorType, type TensorType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { isReal, requireActivation, requireRank, zeroOf } from "./type-rules.ts";
import {
  reachesOutside,
  requirePadsWithin,
  windowExtents,
  windowIndex,
  type WindowVariables,
} from "./windows.ts";

interface PoolAttributes {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly count_include_pad: boolean;
}

export const avgPool = defineOp({
  name: "avg_pool",
  doc: `y[n, y, x, c] = the mean of input[n, y*sy + ky - top, x*sx + kx - left, c] over the window's cells inside the input, or
over all of them, padding as real zero, with count_include_pad. pads are top, left, bottom, right.
Stored, the sum of (q - zero) in i32, of the operand's scale / (KH * KW). Source: ONNX AveragePool.`,
  example: "%y = avg_pool %x {kernel = [2, 2], strides = [2, 2]} : tensor<1x2x2x3xf32>",
  given: { "%x": "tensor<1x4x4x3xf32>" },
  operands: ["input"],
  attrs: {
    kernel: ints(2),
    strides: ints(2, [1, 1]),
    pads: ints(4, [0, 0, 0, 0]),
    count_include_pad: bool(false),
  },
  integer: { kind: "accumulator" },

  infer({ input }, attrs, fail) {
    requireRank("input", input, 4, "N, H, W, C", fail);
    const windows = { ...attrs, dilations: [1, 1] };
    requirePadsWithin(attrs.kernel, windows, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), attrs.kernel, windows, fail);
    const shape = [input.shape[0]!, height, width, input.shape[3]!];
    if (isReal(input)) return tensorType("f32", shape);
    const { scale } = requireActivation("input", input, fail);
    if (!attrs.count_include_pad && readsPadding(input, shape, attrs))
      fail(
        "integer-form",
        "averages windows of different sizes at its borders, expected one number of cells",
        "its integer form divides by changing the scale, which is the same for every window",
      );
    return tensorType("i32", shape, perTensor(scale / (attrs.kernel[0]! * attrs.kernel[1]!), 0));
  },

  express({ input }, attrs, result) {
    const { n, y, x, c, ky, kx, row, column } = loops(result.type.shape, attrs);
    const padded = readsPadding(input.type, result.type.shape, attrs);
    const zero = zeroOf(input.type);
    const element = load(input.tensor, [at(n), row, column, at(c)], padded ? zero : undefined);
    const domain = [n, y, x, c];
    if (!isReal(input.type))
      return [compute(result.tensor, domain, sum([ky, kx], sub(element, i32(zero)), i32(0)))];
    const inside = (v: IndexVariable, axis: 0 | 1): Expression =>
      cellsInside(v, attrs, axis, input.type.shape[axis + 1]!);
    const count =
      padded && !attrs.count_include_pad
        ? convert("f32", mul(inside(y, 0), inside(x, 1)))
        : f32(attrs.kernel[0]! * attrs.kernel[1]!);
    return [compute(result.tensor, domain, div(sum([ky, kx], element, f32(0)), count))];
  },

  evalStored({ input }, { kernel, strides, pads }, { operands, result }) {
    const [, height, width, channels] = input.shape as [number, number, number, number];
    const [, outHeight, outWidth] = result.shape as [number, number, number, number];
    const x = numbersOf(input);
    const zero = operands.input.quantization!.zero[0]!;
    const y = new Int32Array(elementCount(result.shape));
    for (let i = 0; i < y.length; i++) {
      const c = i % channels;
      const ox = Math.floor(i / channels) % outWidth;
      const oy = Math.floor(i / channels / outWidth) % outHeight;
      const n = Math.floor(i / channels / outWidth / outHeight);
      const [top, left] = [oy * strides[0]! - pads[0]!, ox * strides[1]! - pads[1]!];
      for (let iy = Math.max(0, top); iy < Math.min(height, top + kernel[0]!); iy++)
        for (let ix = Math.max(0, left); ix < Math.min(width, left + kernel[1]!); ix++)
          y[i] = y[i]! + x[((n * height + iy) * width + ix) * channels + c]! - zero;
    }
    return tensor("i32", result.shape, y);
  },
});

interface PoolLoops {
  readonly n: IndexVariable;
  readonly y: IndexVariable;
  readonly x: IndexVariable;
  readonly c: IndexVariable;
  readonly ky: IndexVariable;
  readonly kx: IndexVariable;
  readonly row: Affine;
  readonly column: Affine;
}

function loops(shape: readonly number[], attrs: PoolAttributes): PoolLoops {
  const [n, y, x, c] = axes(shape, ["n", "y", "x", "c"]) as WindowVariables;
  const [ky, kx] = [variable("ky", attrs.kernel[0]!), variable("kx", attrs.kernel[1]!)];
  const windows = { ...attrs, dilations: [1, 1] };
  return { n, y, x, c, ky, kx, row: windowIndex(y, ky, windows, 0), column: windowIndex(x, kx, windows, 1) };
}

function readsPadding(input: TensorType, shape: readonly number[], attrs: PoolAttributes): boolean {
  const { row, column } = loops(shape, attrs);
  return reachesOutside(row, input.shape[1]!) || reachesOutside(column, input.shape[2]!);
}

/** min(first + kernel, extent) - max(first, 0), with first the window's first row or column. */
function cellsInside(
  v: IndexVariable,
  { kernel, strides, pads }: PoolAttributes,
  axis: 0 | 1,
  extent: number,
): Expression {
  const first = affine(-pads[axis]!, [v, strides[axis]!]);
  const end = addAffine(first, affine(kernel[axis]!));
  return sub(min(indexValue(end), i32(extent)), max(indexValue(first), i32(0)));
}
