/** Repeats a tensor along axes of extent 1, and along new ones before its own. */
import { axes, compute, load } from "../expr/build.ts";
import { ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { broadcastIndex, broadcastShape } from "./broadcasting.ts";
import { requireWhole } from "./type-rules.ts";

export const expand = defineOp({
  name: "expand",
  doc: "y = x broadcast to shape, as in numpy; stored, in the operand's quantization. Source: ONNX Expand, Tile.",
  example: "%y = expand %x {shape = [2, 3]} : tensor<2x3xf32>",
  given: { "%x": "tensor<3xf32>" },
  operands: ["input"],
  attrs: { shape: ints() },
  integer: { kind: "same" },
  movesOnly: true,

  infer({ input }, { shape }, fail) {
    requireWhole("input", input, fail);
    const common = broadcastShape(input.shape, shape, fail);
    if (common.length !== shape.length || common.some((extent, axis) => extent !== shape[axis]))
      fail(
        "operand-shape",
        `expands [${input.shape.join(", ")}] to [${shape.join(", ")}], expected 1 where they differ`,
      );
    return tensorType(input.element, shape, input.quantization);
  },

  narrow: (_attrs, _operands, result) => ({ shape: result.map(({ indices }) => indices.length) }),

  express({ input }, _, result) {
    const domain = axes(result.type.shape, []);
    return [compute(result.tensor, domain, load(input.tensor, broadcastIndex(input.type.shape, domain)))];
  },
});
