/** Another element type for plain elements. */
import { at, axes, compute, load } from "../expr/build.ts";
import { convertElement } from "../expr/element-arithmetic.ts";
import { choice } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { wholeElementTypes } from "../tensor/element-type.ts";
import { permuteElementwise } from "./permuting.ts";
import { requirePlain } from "./type-rules.ts";

export const cast = defineOp({
  name: "cast",
  doc: `y = x as an element of the type to: integers keep their low bits, reals become integers towards zero, limited to what the type
holds (NaN gives 0), reals round to the nearest; bools are 0 and 1, and true is what is not 0. Source: ONNX Cast.`,
  example: '%y = cast %x {to = "i32"} : tensor<4xi32>',
  given: { "%x": "tensor<4xf32>" },
  operands: ["input"],
  rewrite:
    "end the network before the conversion: its outputs are integers already, with a scale in the header",
  attrs: { to: choice(wholeElementTypes) },
  permute: permuteElementwise,

  infer({ input }, { to }, fail) {
    requirePlain("input", input, wholeElementTypes, fail);
    return tensorType(to, input.shape);
  },

  express({ input }, { to }, result) {
    const domain = axes(result.type.shape, []);
    const x = load(input.tensor, domain.map(at));
    return [compute(result.tensor, domain, convertElement(input.type.element, to, x))];
  },
});
