/**
 * Average pooling. Stored, it is the accumulator sum of (q - zero), whose scale is the operand's divided by the number of
 * cells: padding adds zero. Where padding does not count and windows are cut off at the border, they count different
 * numbers of cells but share one scale, exactly: with L the least common multiple of all those numbers,
 *
 *     mean = scale * sum / cells = (scale / L) * (sum * (L / cells))
 *
 * where L / cells is an integer that depends on the position alone. For a 3x3 window with pads of 1, L is 36.
 *
 * `rounded`, it is the stored mean itself (rounded-mean.ts).
 */
import { at, compute, div, i32, load, mul, sub, sum } from "../expr/build.ts";
import { convertElement, like, reduceElements } from "../expr/element-arithmetic.ts";
import type { Expression } from "../expr/expression.ts";
import { bool, ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { perTensor, tensorType } from "../ir/types.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementRange } from "../tensor/element-type.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import {
  floatElements,
  isPlain,
  requireActivation,
  requirePlain,
  requireRank,
  zeroOf,
} from "./type-rules.ts";
import { nearestAway } from "./exact-rescale.ts";
import { requireRoundable, roundedMean } from "./rounded-mean.ts";
import { poolLoops, requirePadsWithin, windowExtents } from "./windows.ts";

interface PoolAttributes {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly count_include_pad: boolean;
}

export const avgPool = defineOp({
  name: "avg_pool",
  doc: `y[n, y, x, c] = the mean of input[n, y*sy + ky*dy - top, x*sx + kx*dx - left, c] over the window's cells inside the input, or
over all of them, padding as real zero, with count_include_pad. pads are top, left, bottom, right.
Stored, the sum of (q - zero) in i32, of the operand's scale / (KH * KW); where windows cut off at the border count fewer cells, the
sum * (L / cells), of scale / L, with L the least common multiple of all windows' numbers of cells. With rounded, stored it is (sum of q) / cells to
the nearest integer, halves away from 0, of the operand's type. Source: ONNX AveragePool; TensorFlow Lite AVERAGE_POOL_2D.`,
  example: "%y = avg_pool %x {kernel = [2, 2], strides = [2, 2]} : tensor<1x2x2x3xf32>",
  given: { "%x": "tensor<1x4x4x3xf32>" },
  operands: ["input"],
  attrs: {
    kernel: ints(2),
    strides: ints(2, [1, 1]),
    pads: ints(4, [0, 0, 0, 0]),
    dilations: ints(2, [1, 1]),
    count_include_pad: bool(false),
    rounded: bool(false),
  },
  integer: { kind: "accumulator", averages: true },

  infer({ input }, attrs, fail) {
    requireRank("input", input, 4, "N, H, W, C", fail);
    requirePadsWithin(attrs.kernel, attrs, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), attrs.kernel, attrs, fail);
    const shape = [input.shape[0]!, height, width, input.shape[3]!];
    if (isPlain(input)) {
      requirePlain("input", input, floatElements, fail);
      return tensorType(input.element, shape);
    }
    const { scale } = requireActivation("input", input, fail);
    if (attrs.rounded) {
      requireRoundable(input.element, cellCounts(input.shape, shape, attrs), fail);
      return tensorType(input.element, shape, input.quantization);
    }
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
      attrs,
    );
    const zero = zeroOf(input.type);
    const element = load(input.tensor, index, readsPadding ? zero : undefined);
    const [, y, x] = domain;
    if (!isPlain(input.type)) {
      const total = sum(taps, sub(element, i32(zero)), i32(0));
      if (attrs.rounded) {
        const counts = cellCounts(input.type.shape, result.type.shape, attrs);
        const perPosition = (name: string, values: readonly number[]): Expression =>
          load(result.constant(name, tensor("i32", result.type.shape.slice(1, 3), values)), [at(y), at(x)]);
        return [compute(result.tensor, domain, roundedMean(total, zero, counts, perPosition))];
      }
      const { factors } = commonCells(input.type.shape, result.type.shape, attrs);
      if (factors === undefined) return [compute(result.tensor, domain, total)];
      const table = result.constant("factors", tensor("i32", result.type.shape.slice(1, 3), factors));
      return [compute(result.tensor, domain, mul(total, load(table, [at(y), at(x)])))];
    }
    const counts = cellCounts(input.type.shape, result.type.shape, attrs);
    const total = reduceElements("add", input.type.element, taps, element);
    const count = (): Expression => {
      const table = result.constant("counts", tensor("i32", result.type.shape.slice(1, 3), counts));
      return convertElement("i32", input.type.element, load(table, [at(y), at(x)]));
    };
    const alike = counts.every((cells) => cells === counts[0]);
    return [compute(result.tensor, domain, div(total, alike ? like(total, counts[0] ?? 1) : count()))];
  },

  evalStored({ input }, attrs, { operands, result }) {
    const { kernel, strides, pads, dilations, count_include_pad, rounded } = attrs;
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
      for (let ky = 0; ky < kernel[0]!; ky++)
        for (let kx = 0; kx < kernel[1]!; kx++) {
          const [iy, ix] = [top + ky * dilations[0]!, left + kx * dilations[1]!];
          if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
          cells++;
          y[i] = y[i]! + x[((n * height + iy) * width + ix) * channels + c]! - zero;
        }
      if (count_include_pad) cells = kernel[0]! * kernel[1]!;
      if (rounded) y[i] = Number(nearestAway(BigInt(y[i]! + cells * zero), BigInt(cells)));
      else if (!count_include_pad) y[i] = y[i]! * (multiple / cells);
    }
    return tensor(result.element, result.shape, y);
  },
});

/** How many cells of each window count, [OH, OW]: all, or those inside the input. */
function cellCounts(
  input: readonly number[],
  [, height, width]: readonly number[],
  { kernel, strides, pads, dilations, count_include_pad }: PoolAttributes,
): number[] {
  const along = (count: number, axis: 0 | 1): number[] =>
    Array.from({ length: count }, (_, i) => {
      if (count_include_pad) return kernel[axis]!;
      const first = i * strides[axis]! - pads[axis]!;
      const places = Array.from({ length: kernel[axis]! }, (_, k) => first + k * dilations[axis]!);
      return places.filter((place) => place >= 0 && place < input[axis + 1]!).length;
    });
  const columns = along(width!, 1);
  return along(height!, 0).flatMap((row) => columns.map((column) => row * column));
}

/**
 * The least common multiple of the windows' numbers of cells, KH * KW where all count alike, and what each window's sum is
 * multiplied by, [OH, OW], where they do not.
 */
function commonCells(
  input: readonly number[],
  shape: readonly number[],
  attrs: PoolAttributes,
): { multiple: number; factors: readonly number[] | undefined } {
  const cells = cellCounts(input, shape, attrs);
  const whole = attrs.kernel[0]! * attrs.kernel[1]!;
  if (cells.every((count) => count === whole)) return { multiple: whole, factors: undefined };
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
