/** Joins tensors along an axis: one step an operand, which writes its part of the result and may be fused with what computes it. */
import { affine, at, axes, compute, load } from "../expr/build.ts";
import type { Step } from "../expr/expression.ts";
import { int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameQuantization, tensorType } from "../ir/types.ts";
import { permuteAxis } from "./permuting.ts";
import { axisOf, resolveAxis } from "./type-rules.ts";

export const concat = defineOp({
  name: "concat",
  doc: `y = the operands one after the other along axis; all other extents are equal, and so are the quantizations.
Source: ONNX Concat; TensorFlow Lite quantization specification, CONCATENATION.`,
  example: "%y = concat %a, %b {axis = -1} : tensor<2x5xf32>",
  given: { "%a": "tensor<2x2xf32>", "%b": "tensor<2x3xf32>" },
  operands: ["inputs*"],
  attrs: { axis: int() },
  integer: { kind: "same" },
  movesOnly: true,
  permute: permuteAxis,

  infer({ inputs }, { axis: given }, fail) {
    const first = inputs[0];
    if (first === undefined) return fail("operand-count", "has no operands, expected at least 1");
    const axis = resolveAxis(given, first.shape.length, fail);
    if (first.quantization?.axis !== undefined)
      fail("quantization", `has input 0 quantized along axis ${first.quantization.axis}, expected one scale`);
    inputs.forEach((input, i) => {
      const fits =
        input.shape.length === first.shape.length &&
        input.shape.every((n, a) => a === axis || n === first.shape[a]);
      if (!fits)
        fail(
          "operand-shape",
          `has input ${i} ${formatType(input)}, expected ${formatType(first)} but for axis ${axis}`,
        );
      if (input.element !== first.element || !sameQuantization(input.quantization, first.quantization))
        fail(
          "quantization",
          `has input ${i} ${formatType(input)}, expected the element and quantization of ${formatType(first)}`,
        );
    });
    const total = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
    return tensorType(first.element, first.shape.with(axis, total), first.quantization);
  },

  express({ inputs }, { axis: given }, result) {
    const axis = axisOf(given, result.type.shape.length);
    const occupied = inputs.filter(({ type }) => type.shape[axis] !== 0);
    let start = 0;
    return (occupied.length === 0 ? inputs.slice(0, 1) : occupied).map(({ tensor, type }): Step => {
      const domain = axes(type.shape, []);
      const index = domain.map(at);
      const place = index.with(axis, affine(start, [domain[axis]!, 1]));
      start += type.shape[axis]!;
      return compute(result.tensor, domain, load(tensor, index), place);
    });
  },
});
