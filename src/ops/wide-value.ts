/** Says of a value that it needs 16 bits, as the state of a recurrence does: what is lost of it at every step adds up. */
import { at, axes, compute, load } from "../expr/build.ts";
import { defineOp } from "../ir/operation.ts";
import { permuteElementwise } from "./permuting.ts";
import { requireReal } from "./type-rules.ts";

export const wideValue = defineOp({
  name: "wide_value",
  doc: `y = x, stored in 16 bits, symmetric, of a scale that is a power of two; so is what x is made of element by element, up to the layers. Who
else reads x sees it in 8 bits. It is no operation of a stored graph.`,
  example: "%y = wide_value %x : tensor<4xf32>",
  given: { "%x": "tensor<4xf32>" },
  operands: ["input"],
  attrs: {},
  integer: { kind: "wide" },
  movesOnly: true,
  permute: permuteElementwise,

  infer({ input }, _, fail) {
    requireReal("input", input, fail);
    return input;
  },

  express({ input }, _, result) {
    const domain = axes(result.type.shape, []);
    return [compute(result.tensor, domain, load(input.tensor, domain.map(at)))];
  },
});
