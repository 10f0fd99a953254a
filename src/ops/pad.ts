/** Surrounds a tensor with a constant. */
import { affine, axes, compute, load } from "../expr/build.ts";
import { float, ints } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, tensorType, type TensorType } from "../ir/types.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementRange, isBigInteger, isFloat } from "../tensor/element-type.ts";
import { permuteEntries } from "./permuting.ts";

export const pad = defineOp({
  name: "pad",
  doc: `y = the operand with before[i] and after[i] entries of the real value around it along axis i. Stored, the value is
zero + round(value / scale), which must lie within the element's range. Source: ONNX Pad, mode constant.`,
  example: "%y = pad %x {before = [0, 1], after = [0, 2]} : tensor<2x6xf32>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  attrs: { before: ints(), after: ints(), value: float(0) },
  integer: { kind: "same" },
  permute: ({ before, after, ...rest }, permutation) => ({
    attributes: {
      ...rest,
      before: permuteEntries(before, permutation),
      after: permuteEntries(after, permutation),
    },
    permutation,
  }),

  infer({ input }, { before, after, value }, fail) {
    const rank = input.shape.length;
    if (before.length !== rank || after.length !== rank)
      fail(
        "attribute",
        `has ${before.length} and ${after.length} entries before and after, expected ${rank} for ${formatType(input)}`,
      );
    if ([...before, ...after].some((n) => n < 0))
      fail("attribute", "has a negative number of entries", "cut with 'slice'");
    const { quantization } = input;
    if (quantization?.axis !== undefined)
      fail("quantization", `has input quantized along axis ${quantization.axis}, expected one scale`);
    if (isBigInteger(input.element)) {
      if (!Number.isSafeInteger(value))
        fail("attribute", `pads ${formatType(input)} with ${value}, expected an integer`);
    } else if (!isFloat(input.element)) {
      const stored = storedValue(input, value);
      const { min, max } = elementRange(input.element);
      if (!(stored >= min && stored <= max))
        fail(
          "attribute",
          `pads ${formatType(input)} with ${value}, stored as ${stored}, expected within [${min}, ${max}]`,
        );
    }
    return tensorType(
      input.element,
      input.shape.map((extent, i) => before[i]! + extent + after[i]!),
      quantization,
    );
  },

  express({ input }, { before, value }, result) {
    const domain = axes(result.type.shape, []);
    const index = domain.map((v, i) => affine(-before[i]!, [v, 1]));
    const { element } = input.type;
    const fill = isFloat(element)
      ? element === "f32"
        ? Math.fround(value)
        : value
      : storedValue(input.type, value);
    return [compute(result.tensor, domain, load(input.tensor, index, fill))];
  },
});

function storedValue({ quantization }: TensorType, value: number): number {
  if (quantization === undefined) return value;
  return roundHalfAwayFromZero(value / quantization.scale[0]!) + quantization.zero[0]!;
}
