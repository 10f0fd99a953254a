/**
 * Joins tensors along an axis. Every element selects its operand by its position; the operands not selected are read at their
 * nearest element, so that no read leaves its tensor and none asks for a border.
 */
import { affine, at, axes, clamp, compare, compute, i32, indexValue, load, select } from "../expr/build.ts";
import type { Expression, Index } from "../expr/expression.ts";
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
    const domain = axes(result.type.shape, []);
    const along = domain[axis]!;
    const index = domain.map(at);
    const parts: { readonly end: number; readonly element: Expression }[] = [];
    let start = 0;
    for (const { tensor, type } of inputs) {
      const extent = type.shape[axis]!;
      if (extent === 0) continue;
      const position = indexValue(affine(-start, [along, 1]));
      const inside = clamp(position, i32(0), i32(extent - 1));
      const only = extent === along.extent;
      parts.push({
        end: (start += extent),
        element: load(tensor, only ? index : (index as Index[]).with(axis, { value: inside })),
      });
    }
    const last = parts.pop();
    if (last === undefined) return [compute(result.tensor, domain, load(inputs[0]!.tensor, index))];
    const value = parts.reduceRight(
      (rest, { end, element }) => select(compare("lt", indexValue(at(along)), i32(end)), element, rest),
      last.element,
    );
    return [compute(result.tensor, domain, value)];
  },
});
