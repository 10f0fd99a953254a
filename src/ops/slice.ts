/** A regular part of a tensor. */
import { affine, axes, compute, load } from "../expr/build.ts";
import { ints } from "../ir/attributes.ts";
import { defineOp, type InferFail } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { axisOf, resolveAxis } from "./type-rules.ts";

interface SliceAttributes {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

interface Extent {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

export const slice = defineOp({
  name: "slice",
  doc: `y = the elements start, start + step, … before end along each of axes; negative starts and ends count from the axis's end and all
are limited to it. With a negative step, an end below -extent means down to the first. Source: ONNX Slice.`,
  example: "%y = slice %x {starts = [1], ends = [3], axes = [1], steps = [1]} : tensor<2x2xf32>",
  given: { "%x": "tensor<2x4xf32>" },
  operands: ["input"],
  attrs: { starts: ints(), ends: ints(), axes: ints(), steps: ints() },
  integer: { kind: "same" },
  movesOnly: true,
  permute: (attrs, permutation) => ({
    attributes: { ...attrs, axes: attrs.axes.map((axis) => permutation[axisOf(axis, permutation.length)]!) },
    permutation,
  }),

  narrow(attrs, { input }, result) {
    const extents = extentsOf(
      input.map(({ extent }) => extent),
      attrs,
      unreachable,
    );
    const taken = attrs.axes.map((given) => {
      const axis = axisOf(given, input.length);
      const { indices, extent } = input[axis]!;
      // Only along steps of 1 are entries removed: what is left are neighbours still.
      if (indices.length === extent) return undefined;
      const start = indices.filter((index) => index < extents[axis]!.start).length;
      return { start, end: start + result[axis]!.indices.length };
    });
    return {
      ...attrs,
      starts: attrs.starts.map((start, i) => taken[i]?.start ?? start),
      ends: attrs.ends.map((end, i) => taken[i]?.end ?? end),
    };
  },

  infer({ input }, attrs, fail) {
    const extents = extentsOf(input.shape, attrs, fail);
    const shape = extents.map(({ count }) => count);
    const { quantization } = input;
    if (quantization?.axis === undefined) return tensorType(input.element, shape, quantization);
    const { start, step, count } = extents[quantization.axis]!;
    const pick = (values: readonly number[]): number[] =>
      Array.from({ length: count }, (_, i) => values[start + i * step]!);
    return tensorType(input.element, shape, {
      scale: pick(quantization.scale),
      zero: pick(quantization.zero),
      axis: quantization.axis,
    });
  },

  express({ input }, attrs, result) {
    const domain = axes(result.type.shape, []);
    const index = extentsOf(input.type.shape, attrs, unreachable).map(({ start, step }, axis) =>
      affine(start, [domain[axis]!, step]),
    );
    return [compute(result.tensor, domain, load(input.tensor, index))];
  },
});

/** What is taken along every axis of the operand. */
function extentsOf(shape: readonly number[], attrs: SliceAttributes, fail: InferFail): Extent[] {
  const { starts, ends, steps } = attrs;
  const lengths = [starts.length, ends.length, attrs.axes.length, steps.length];
  if (new Set(lengths).size > 1)
    fail("attribute", `has ${lengths.join(", ")} starts, ends, axes and steps, expected as many of each`);
  const extents = shape.map((count): Extent => ({ start: 0, step: 1, count }));
  const seen = new Set<number>();
  attrs.axes.forEach((given, i) => {
    const axis = resolveAxis(given, shape.length, fail);
    if (seen.has(axis)) fail("attribute", `has axis ${axis} twice, expected each once`);
    seen.add(axis);
    const step = steps[i]!;
    if (step === 0) fail("attribute", `has step 0 along axis ${axis}, expected another`);
    extents[axis] = extentAlong(shape[axis]!, starts[i]!, ends[i]!, step);
  });
  return extents;
}

function extentAlong(extent: number, start: number, end: number, step: number): Extent {
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const limit = (position: number): number => {
    const counted = position < 0 ? position + extent : position;
    return Math.max(low, Math.min(high, counted));
  };
  const first = limit(start);
  return { start: first, step, count: Math.max(0, Math.ceil((limit(end) - first) / step)) };
}

const unreachable: InferFail = (code, message) => {
  throw new Error(`internal: slice ${message} (${code}) after its types were inferred`);
};
