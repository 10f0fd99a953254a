/**
 * From accumulators to stored activations: the one requantization of docs/arithmetic.md. Its multipliers and shifts are fixed
 * in the graph; the type rule proves that they are the ratio of its types' scales.
 */
import { add, at, axes, clamp, compute, i32, load, rescale } from "../expr/build.ts";
import type { Expression, IndexVariable } from "../expr/expression.ts";
import { bool, choice, ints } from "../ir/attributes.ts";
import { defineOp, type ExpressResult } from "../ir/operation.ts";
import { formatType, sameShape, sliceQuantization } from "../ir/types.ts";
import { roundings } from "../numerics/rounding-profile.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { rescaleExactly } from "./exact-rescale.ts";
import { requireRatio } from "./ratios.ts";
import { rescaleTwiceExpression } from "./twice-rounded.ts";
import { requireActivation, requireClamp, requireElement, zeroOf } from "./type-rules.ts";

export const requantize = defineOp({
  name: "requantize",
  doc: `Rescales i32 accumulators by a dyadic number, one or one per channel of the last axis, halves rounding up:
y = clamp((acc * multiplier + 2^(shift - 1)) >> shift, lo - zero, hi - zero) + zero, over a 64-bit product, where
multiplier = round(acc scale / result scale * 2^shift), or one less with truncated. With rounding = "twice" and a shift above 31
the product is rounded at bit 31, halves up, and then divided by 2^(shift - 31), halves away from zero. Source: gemmlowp's single
rounding and its double one, which TensorFlow Lite and CMSIS-NN take by default; docs/arithmetic.md.`,
  example:
    "%y = requantize %acc {multiplier = [1073741824], shift = [31], clamp = [-128, 127]} : tensor<4xi8, 1:-3>",
  given: { "%acc": "tensor<4xi32, 0.5:0>" },
  operands: ["acc"],
  attrs: {
    multiplier: ints(),
    shift: ints(),
    clamp: ints(2),
    rounding: choice(roundings, "once"),
    truncated: bool(false),
  },

  infer({ acc }, { multiplier, shift, clamp: limits, truncated }, fail, declared) {
    requireElement("acc", acc, ["i32"], fail);
    const from = acc.quantization;
    if (from === undefined) return fail("quantization", `has acc ${formatType(acc)} without a quantization`);
    if (from.zero.some((zero) => zero !== 0)) fail("quantization", "has acc with a zero point, expected 0");
    const rank = acc.shape.length;
    if (from.axis !== undefined && from.axis !== rank - 1)
      fail(
        "quantization",
        `has acc quantized along axis ${from.axis}, expected its last, ${rank - 1}, or one scale`,
      );
    if (declared === undefined)
      return fail("result-type", "needs a result type, which its operand does not determine");
    if (!sameShape(declared.shape, acc.shape))
      fail("result-type", `is declared ${formatType(declared)}, expected the shape of ${formatType(acc)}`);
    const { scale } = requireActivation("a result", declared, fail);
    requireClamp(limits, declared.element, fail);

    const channels = acc.shape.at(-1) ?? 1;
    const counts = (name: string, list: readonly number[], one: boolean): void => {
      if (list.length === channels || (one && list.length === 1)) return;
      fail(
        "attribute",
        `has ${list.length} ${name}s, expected ${one ? `1 or ${channels}` : String(channels)}`,
      );
    };
    counts("multiplier", multiplier, from.axis === undefined);
    counts("shift", shift, true);
    const badShift = shift.find((s) => s < 1 || s > 62);
    if (badShift !== undefined) fail("attribute", `has shift ${badShift}, expected 1 to 62`);
    const bad = multiplier.find((m) => m < 0 || m >= 2 ** 31);
    if (bad !== undefined) fail("attribute", `has multiplier ${bad}, expected 0 to ${2 ** 31 - 1}`);
    for (let c = 0; c < Math.max(multiplier.length, shift.length); c++)
      requireRatio(
        `channel ${c}`,
        multiplier[c] ?? multiplier[0]!,
        shift[c] ?? shift[0]!,
        sliceQuantization(from, c).scale,
        scale,
        fail,
        truncated,
      );
    return declared;
  },

  express({ acc }, { multiplier, shift, clamp: limits, rounding }, result) {
    const domain = axes(result.type.shape, []);
    const perChannel = (name: string, values: readonly number[]): Expression =>
      channelValue(name, values, domain, result);
    const element = load(acc.tensor, domain.map(at));
    const rescaled =
      rounding === "twice"
        ? rescaleTwiceExpression(element, multiplier, shift, perChannel)
        : rescale(element, perChannel("multiplier", multiplier), perChannel("shift", shift));
    const zero = zeroOf(result.type);
    const clamped = clamp(rescaled, i32(limits[0]! - zero), i32(limits[1]! - zero));
    return [compute(result.tensor, domain, add(clamped, i32(zero)))];
  },

  evalStored({ acc }, { multiplier, shift, clamp: limits, rounding }, { result }) {
    const x = numbersOf(acc);
    const channels = result.shape.at(-1) ?? 1;
    const zero = result.quantization!.zero[0]!;
    const y = Array.from({ length: elementCount(result.shape) }, (_, i) => {
      const c = i % channels;
      const [m, s] = [multiplier[c] ?? multiplier[0]!, shift[c] ?? shift[0]!];
      const stored = Number(rescaleExactly(rounding, BigInt(x[i]!), m, s)) + zero;
      return Math.max(limits[0]!, Math.min(limits[1]!, stored));
    });
    return tensor(result.element, result.shape, y);
  },
});

/** The one value as a constant, or the channel's, loaded from a constant tensor [C]. */
function channelValue(
  name: string,
  values: readonly number[],
  domain: readonly IndexVariable[],
  result: ExpressResult,
): Expression {
  const channel = domain.at(-1);
  if (values.length === 1 || channel === undefined) return i32(values[0]!);
  return load(result.constant(name, tensor("i32", [values.length], values)), [at(channel)]);
}
