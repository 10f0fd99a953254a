/** Where the largest element of each window is: what max pooling gives as its second result. */
import {
  addAffine,
  affine,
  at,
  compute,
  convert,
  i32,
  indexValue,
  load,
  min,
  reduce,
  scaleAffine,
  select,
} from "../expr/build.ts";
import { compareElements, lowestOrdered, reduceElements } from "../expr/element-arithmetic.ts";
import { bool, ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { elementCount } from "../tensor/tensor.ts";
import { floatElements, requirePlain, requireRank } from "./type-rules.ts";
import { poolLoops, requirePadsWithin, windowExtents } from "./windows.ts";

export const maxPoolIndices = defineOp({
  name: "max_pool_indices",
  doc: `y[n, y, x, c] = the position, in the input taken as [N, C, H, W] in row-major order, or with each plane column by column, of the first
largest element that max_pool would take; i64. pads are top, left, bottom, right. Source: ONNX MaxPool, output Indices.`,
  example: "%y = max_pool_indices %x {kernel = [2, 2], strides = [2, 2]} : tensor<1x2x2x3xi64>",
  given: { "%x": "tensor<1x4x4x3xf32>" },
  operands: ["input"],
  rewrite: "let the network end with the pooled values and find positions outside of it",
  attrs: {
    kernel: ints(2),
    strides: ints(2, [1, 1]),
    pads: ints(4, [0, 0, 0, 0]),
    dilations: ints(2, [1, 1]),
    columns_first: bool(false),
  },

  infer({ input }, attrs, fail) {
    requireRank("input", input, 4, "N, H, W, C", fail);
    requirePlain("input", input, [...floatElements, "i8", "u8"], fail);
    requirePadsWithin(attrs.kernel, attrs, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), attrs.kernel, attrs, fail);
    return tensorType("i64", [input.shape[0]!, height, width, input.shape[3]!]);
  },

  express({ input }, attrs, result) {
    const [, height, width, channels] = input.type.shape as [number, number, number, number];
    const { element } = input.type;
    const lowest = lowestOrdered(element);
    const fill = lowest.kind === "constant" ? lowest.value : 0;
    const pooled = result.temporary("max", element, result.type.shape);
    const over = poolLoops(input.type.shape, result.type.shape, attrs.kernel, attrs);
    const value = load(input.tensor, over.index, over.readsPadding ? fill : undefined);

    const { domain, taps, index, readsPadding } = poolLoops(
      input.type.shape,
      result.type.shape,
      attrs.kernel,
      attrs,
    );
    const candidate = load(input.tensor, index, readsPadding ? fill : undefined);
    const largest = load(pooled, domain.map(at));
    const [, row, column] = index as [(typeof index)[0], (typeof index)[0], (typeof index)[0]];
    const inPlane = attrs.columns_first
      ? addAffine(scaleAffine(column, height), row)
      : addAffine(scaleAffine(row, width), column);
    const plane = affine(0, [domain[0], channels * height * width], [domain[3], height * width]);
    const end = i32(elementCount(input.type.shape) - 1);
    const place = select(
      compareElements("eq", element, candidate, largest),
      indexValue(addAffine(plane, inPlane)),
      end,
    );
    return [
      compute(pooled, over.domain, reduceElements("max", element, over.taps, value)),
      compute(result.tensor, domain, convert("i64", min(reduce("min", taps, place, end), end))),
    ];
  },
});
