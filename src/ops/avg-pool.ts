/**
 * Average pooling. Stored, it is the accumulator sum of (q - zero), whose scale is the operand's divided by the number of
 * cells: padding adds zero. Where padding does not count and windows are cut off at the border, they count different
 * numbers of cells but share one scale, exactly: with L the least common multiple of all those numbers,
 *
 *     mean = scale * sum / cells = (scale / L) * (sum * (L / cells))
 *
 * where L / cells is an integer that depends on the position alone. For a 3x3 window with pads of 1, L is 36.
 */
import {
  addAffine,
  affine,
  at,
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
} from "../expr/build.ts";
import type { Expression, IndexVariable } from "../expr/expression.ts";
import { bool, ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { perTensor, tensorType } from "../ir/types.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementRange } from "../tensor/element-type.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { isReal, requireActivation, requireRank, zeroOf } from "./type-rules.ts";
import { poolLoops, requirePadsWithin, windowExtents, type Windows } from "./windows.ts";

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
Stored, the sum of (q - zero) in i32, of the operand's scale / (KH * KW); where windows cut off at the border count fewer cells, the
sum * (L / cells), of scale / L, with L the least common multiple of all windows' numbers of cells. Source: ONNX AveragePool.`,
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
    const windows = windowsOf(attrs);
    requirePadsWithin(attrs.kernel, windows, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), attrs.kernel, windows, fail);
    const shape = [input.shape[0]!, height, width, input.shape[3]!];
    if (isReal(input)) return tensorType("f32", shape);
    const { scale } = requireActivation("input", input, fail);
    const { multiple } = commonCells(input.shape, shape, attrs);
    const { min, max } = elementRange(input.element);
    // A window's sum times L / cells is at most the widest centred element times L.
    if (!attrs.count_include_pad && (max - min) * multiple >= 2 ** 31)
      fail(
        "integer-form",
        `averages windows whose numbers of cells have the least common multiple ${multiple}, too large for i32`,
        "count padding, or pad and cut so that windows count alike",
      );
    return tensorType("i32", shape, perTensor(scale / multiple, 0));
  },

  express({ input }, attrs, result) {
    const { domain, taps, index, readsPadding } = poolLoops(
      input.type.shape,
      result.type.shape,
      attrs.kernel,
      windowsOf(attrs),
    );
    const zero = zeroOf(input.type);
    const element = load(input.tensor, index, readsPadding ? zero : undefined);
    const [, y, x] = domain;
    if (!isReal(input.type)) {
      const total = sum(taps, sub(element, i32(zero)), i32(0));
      const { factors } = commonCells(input.type.shape, result.type.shape, attrs);
      if (factors === undefined) return [compute(result.tensor, domain, total)];
      const table = result.constant("factors", tensor("i32", result.type.shape.slice(1, 3), factors));
      return [compute(result.tensor, domain, mul(total, load(table, [at(y), at(x)])))];
    }
    const inside = (v: IndexVariable, axis: 0 | 1): Expression =>
      cellsInside(v, attrs, axis, input.type.shape[axis + 1]!);
    const count =
      readsPadding && !attrs.count_include_pad
        ? convert("f32", mul(inside(y, 0), inside(x, 1)))
        : f32(attrs.kernel[0]! * attrs.kernel[1]!);
    return [compute(result.tensor, domain, div(sum(taps, element, f32(0)), count))];
  },

  evalStored({ input }, { kernel, strides, pads, count_include_pad }, { operands, result }) {
    const [, height, width, channels] = input.shape as [number, number, number, number];
    const [, outHeight, outWidth] = result.shape as [number, number, number, number];
    const x = numbersOf(input);
    const zero = operands.input.quantization!.zero[0]!;
    const multiple = roundHalfAwayFromZero(
      operands.input.quantization!.scale[0]! / result.quantization!.scale[0]!,
    );
    const y = new Int32Array(elementCount(result.shape));
    for (let i = 0; i < y.length; i++) {
      const c = i % channels;
      const ox = Math.floor(i / channels) % outWidth;
      const oy = Math.floor(i / channels / outWidth) % outHeight;
      const n = Math.floor(i / channels / outWidth / outHeight);
      const [top, left] = [oy * strides[0]! - pads[0]!, ox * strides[1]! - pads[1]!];
      let cells = 0;
      for (let iy = Math.max(0, top); iy < Math.min(height, top + kernel[0]!); iy++)
        for (let ix = Math.max(0, left); ix < Math.min(width, left + kernel[1]!); ix++, cells++)
          y[i] = y[i]! + x[((n * height + iy) * width + ix) * channels + c]! - zero;
      if (!count_include_pad) y[i] = y[i]! * (multiple / cells);
    }
    return tensor("i32", result.shape, y);
  },
});

const windowsOf = ({ strides, pads }: PoolAttributes): Windows => ({ strides, pads, dilations: [1, 1] });

/**
 * The least common multiple of the windows' numbers of cells, KH * KW where all count alike, and what each window's sum is
 * multiplied by, [OH, OW], where they do not.
 */
function commonCells(
  input: readonly number[],
  [, height, width]: readonly number[],
  attrs: PoolAttributes,
): { multiple: number; factors: readonly number[] | undefined } {
  const { kernel, strides, pads } = attrs;
  const inside = (count: number, axis: 0 | 1): number[] =>
    Array.from({ length: count }, (_, i) => {
      const first = i * strides[axis]! - pads[axis]!;
      return Math.min(first + kernel[axis]!, input[axis + 1]!) - Math.max(first, 0);
    });
  const [rows, columns] = [inside(height!, 0), inside(width!, 1)];
  const whole = kernel[0]! * kernel[1]!;
  const cells = rows.flatMap((row) => columns.map((column) => row * column));
  if (attrs.count_include_pad || cells.every((count) => count === whole))
    return { multiple: whole, factors: undefined };
  const multiple = cells.reduce(leastCommonMultiple);
  return { multiple, factors: cells.map((count) => multiple / count) };
}

/** Exact below 2^31 of `a`; beyond, no multiple is of use and `a` itself is given. */
function leastCommonMultiple(a: number, b: number): number {
  if (a >= 2 ** 31) return a;
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
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
