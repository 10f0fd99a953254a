/** Max pooling. Scales are positive, so it keeps its meaning on stored integers; padding never wins. */
import { at, axes, compute, constant, load, reduce, scalarTypeOf, variable } from "../expr/build.ts";
import { ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { isReal, lowestOf, requireActivation, requireRank } from "./type-rules.ts";
import {
  reachesOutside,
  requirePadsWithin,
  windowExtents,
  windowIndex,
  type WindowVariables,
} from "./windows.ts";

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
    if (!isReal(input)) requireActivation("input", input, fail);
    requirePadsWithin(attrs.kernel, attrs, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), attrs.kernel, attrs, fail);
    return tensorType(input.element, [input.shape[0]!, height, width, input.shape[3]!], input.quantization);
  },

  express({ input }, attrs, result) {
    const [n, y, x, c] = axes(result.type.shape, ["n", "y", "x", "c"]) as WindowVariables;
    const [ky, kx] = [variable("ky", attrs.kernel[0]!), variable("kx", attrs.kernel[1]!)];
    const row = windowIndex(y, ky, attrs, 0);
    const column = windowIndex(x, kx, attrs, 1);
    const padded = reachesOutside(row, input.type.shape[1]!) || reachesOutside(column, input.type.shape[2]!);
    const lowest = lowestOf(input.type);
    const element = load(input.tensor, [at(n), row, column, at(c)], padded ? lowest : undefined);
    const initial = constant(scalarTypeOf(input.tensor), lowest);
    return [compute(result.tensor, [n, y, x, c], reduce("max", [ky, kx], element, initial))];
  },
});
