/** Max pooling. Scales are positive, so it keeps its meaning on stored integers; padding never wins. */
import { compute, constant, load, reduce, scalarTypeOf } from "../expr/build.ts";
import { ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import {
  activationElements,
  floatElements,
  isPlain,
  lowestOf,
  requireActivation,
  requirePlain,
  requireRank,
} from "./type-rules.ts";
import { poolLoops, requirePadsWithin, windowExtents } from "./windows.ts";

export const maxPool = defineOp({
  name: "max_pool",
  doc: `y[n, y, x, c] = the largest input[n, y*sy + ky*dy - top, x*sx + kx*dx - left, c] over the window's cells inside the
input. pads are top, left, bottom, right. Stored, in the operand's quantization. Source: ONNX MaxPool.`,
  example: "%y = max_pool %x {kernel = [2, 2], strides = [2, 2]} : tensor<1x2x2x3xf32>",
  given: { "%x": "tensor<1x4x4x3xf32>" },
  operands: ["input"],
  attrs: {
    kernel: ints(2),
    strides: ints(2, [1, 1]),
    pads: ints(4, [0, 0, 0, 0]),
    dilations: ints(2, [1, 1]),
  },
  integer: { kind: "same" },

  infer({ input }, attrs, fail) {
    requireRank("input", input, 4, "N, H, W, C", fail);
    if (isPlain(input)) requirePlain("input", input, [...floatElements, ...activationElements], fail);
    else requireActivation("input", input, fail);
    requirePadsWithin(attrs.kernel, attrs, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), attrs.kernel, attrs, fail);
    return tensorType(input.element, [input.shape[0]!, height, width, input.shape[3]!], input.quantization);
  },

  express({ input }, attrs, result) {
    const loops = poolLoops(input.type.shape, result.type.shape, attrs.kernel, attrs);
    const lowest = lowestOf(input.type);
    const element = load(input.tensor, loops.index, loops.readsPadding ? lowest : undefined);
    const initial = constant(scalarTypeOf(input.tensor), lowest);
    return [compute(result.tensor, loops.domain, reduce("max", loops.taps, element, initial))];
  },
});
