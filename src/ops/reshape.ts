/**
 * Another shape for the same elements in row-major order.
 *
 * Where axes only merge and split, both shapes are products of common factors: [6, 4] and [2, 12] are both [2, 3, 4] read in
 * groups. One loop a factor then makes both indices affine, and schedules see a plain copy (or fuse it away). Where no such
 * refinement exists, [2, 3] to [3, 2] for instance, the operand's index is computed from the linear position.
 */
import { affine, at, axes, compute, divu, i32, indexValue, load, mul, sub, variable } from "../expr/build.ts";
import type { Affine, Index, IndexVariable } from "../expr/expression.ts";
import { ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, tensorType } from "../ir/types.ts";
import { elementCount, stridesOf } from "../tensor/tensor.ts";

export const reshape = defineOp({
  name: "reshape",
  doc: `y = the operand's elements, in row-major order, in another shape of as many elements. A quantization along an axis follows
when that axis is kept with the same extents before and after it merged. Source: ONNX Reshape, Flatten, Squeeze, Unsqueeze.`,
  example: "%y = reshape %x {shape = [3, 4]} : tensor<3x4xf32>",
  given: { "%x": "tensor<2x6xf32>" },
  operands: ["input"],
  attrs: { shape: ints() },
  integer: { kind: "same" },
  movesOnly: true,

  infer({ input }, { shape }, fail) {
    if (shape.some((extent) => extent < 0))
      fail("attribute", `has shape [${shape.join(", ")}], expected no negative extent`);
    const [found, expected] = [elementCount(shape), elementCount(input.shape)];
    if (found !== expected)
      fail(
        "operand-shape",
        `gives ${formatType(input)} the shape [${shape.join(", ")}] of ${found} elements, expected ${expected}`,
      );
    const { quantization } = input;
    if (quantization?.axis === undefined) return tensorType(input.element, shape, quantization);
    const axis = followAxis(input.shape, quantization.axis, shape);
    if (axis < 0)
      fail(
        "quantization",
        `takes apart axis ${quantization.axis}, along which ${formatType(input)} is quantized`,
      );
    return tensorType(input.element, shape, { ...quantization, axis });
  },

  narrow: (_attrs, _operands, result) => ({ shape: result.map(({ indices }) => indices.length) }),

  express({ input }, { shape }, result) {
    const common = commonFactors(input.type.shape, shape);
    if (common !== undefined) {
      const { factors, left, right } = common;
      return [compute(result.tensor, factors, load(input.tensor, left), right)];
    }
    const domain = axes(shape, []);
    return [compute(result.tensor, domain, load(input.tensor, linearIndex(input.type.shape, shape, domain)))];
  },
});

/** The axis of `shape` that has the same extent, and as many elements before and after it, or -1. */
function followAxis(from: readonly number[], axis: number, shape: readonly number[]): number {
  const before = elementCount(from.slice(0, axis));
  return shape.findIndex((extent, i) => extent === from[axis] && elementCount(shape.slice(0, i)) === before);
}

interface Refinement {
  readonly factors: readonly IndexVariable[];
  readonly left: readonly Affine[];
  readonly right: readonly Affine[];
}

/** One loop for each factor of the coarsest shape that both refine, outermost first, or undefined when there is none. */
function commonFactors(a: readonly number[], b: readonly number[]): Refinement | undefined {
  if (a.includes(0) || b.includes(0)) return undefined;
  const factors: IndexVariable[] = [];
  const parts = [a, b].map((shape) => shape.map((): IndexVariable[] => [])) as [
    IndexVariable[][],
    IndexVariable[][],
  ];
  let [i, j] = [0, 0];
  let [restA, restB] = [a[0] ?? 1, b[0] ?? 1];
  while (i < a.length && j < b.length) {
    if (restA === 1) restA = a[++i] ?? 1;
    else if (restB === 1) restB = b[++j] ?? 1;
    else {
      const factor = Math.min(restA, restB);
      if (Math.max(restA, restB) % factor !== 0) return undefined;
      const loop = variable(`i${factors.length}`, factor);
      factors.push(loop);
      parts[0][i]!.push(loop);
      parts[1][j]!.push(loop);
      restA /= factor;
      restB /= factor;
    }
  }
  return { factors, left: parts[0].map(mixedRadix), right: parts[1].map(mixedRadix) };
}

/** ((f0 * n1 + f1) * n2 + f2) … */
function mixedRadix(factors: readonly IndexVariable[]): Affine {
  const strides = stridesOf(factors.map((factor) => factor.extent));
  return affine(0, ...factors.map((factor, i) => [factor, strides[i]!] as const));
}

/** The index in `from` of the element at the linear position that `domain` has in `to`: (position / stride) mod extent. */
function linearIndex(
  from: readonly number[],
  to: readonly number[],
  domain: readonly IndexVariable[],
): Index[] {
  // Nothing is read, and an index along a loop that never runs says so: 0 would be outside an axis of extent 0.
  const empty = domain.find((v) => v.extent === 0);
  if (empty !== undefined) return from.map(() => at(empty));
  const outer = stridesOf(to);
  const position = indexValue(affine(0, ...domain.map((v, i) => [v, outer[i]!] as const)));
  return stridesOf(from).map((stride, i) => {
    const quotient = stride === 1 ? position : divu(position, i32(stride));
    if (i === 0) return { value: quotient };
    const extent = i32(from[i]!);
    return { value: sub(quotient, mul(divu(quotient, extent), extent)) };
  });
}
