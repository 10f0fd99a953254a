/**
 * What a rounding profile decides where a real operation becomes integers: multipliers and shifts, and which stored form it takes.
 *
 *                    default                            tflite-double, tflite-single
 *     accumulator    one shift a layer where that       own shift and 31 bits for every channel, rounded twice or once; a mean's
 *                    keeps 16 bits                      multiplier cut off
 *     mean that      an accumulator too                 averages integers and rounds at once
 *     keeps its
 *     quantization
 *     sum            one rounding                       both operands brought to one scale first
 *     fixed          its own                            as TensorFlow Lite's kernel
 *     change of      the nearest integer                rescaled like an accumulator
 *     scale
 *
 * Sums and fixed ones of operands of more than 8 bits keep the default form under every profile.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Operation, Value } from "../../src/ir/graph.ts";
import type { IntegerForm, OpDefinition } from "../../src/ir/operation.ts";
import type { Attributes } from "../../src/ir/attributes.ts";
import { sameQuantization, type TensorType } from "../../src/ir/types.ts";
import { rescale, rescaleTwice, sharedShiftMultipliers, toDyadic } from "../../src/numerics/dyadic.ts";
import { pow2 } from "../../src/numerics/float-bits.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { roundingOf, type Rounding, type RoundingProfile } from "../../src/numerics/rounding-profile.ts";
import { meanDyadic, ownShiftMultipliers } from "../../src/numerics/tflite-multipliers.ts";
import { alignedMultipliers } from "../../src/ops/aligned.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";

type Form<K extends IntegerForm["kind"]> = Extract<IntegerForm, { kind: K }>;

const scaleOf = ({ quantization }: TensorType): number => quantization!.scale[0]!;

export interface Requantization {
  readonly multiplier: readonly number[];
  readonly shift: readonly number[];
  readonly rounding?: Rounding;
  readonly truncated?: boolean;
}

/** How an accumulator of type `acc` becomes a result, its clamp aside. */
export function requantization(
  form: Form<"accumulator">,
  operands: readonly Value[],
  acc: TensorType,
  result: TensorType,
  profile: RoundingProfile,
): Requantization {
  const ratios = acc.quantization!.scale.map((scale) => scale / scaleOf(result));
  if (profile === "default") {
    const { multipliers, shifts } = sharedShiftMultipliers(ratios);
    return { multiplier: multipliers, shift: shifts };
  }
  const rounding = roundingOf(profile);
  if (form.averages === true) {
    const operand = scaleOf(operands[0]!.type);
    const count = roundHalfAwayFromZero(operand / scaleOf(acc));
    const { multiplier, shift } = meanDyadic(operand / scaleOf(result), count);
    return { multiplier: [multiplier], shift: [shift], rounding, truncated: true };
  }
  const { multipliers, shifts } = ownShiftMultipliers(ratios);
  return { multiplier: multipliers, shift: shifts, rounding };
}

/** Whether a mean is rounded where it is taken. */
export const roundsItself = (
  form: Form<"accumulator">,
  [operand]: readonly Value[],
  result: TensorType,
  profile: RoundingProfile,
): boolean =>
  profile !== "default" &&
  form.averages === true &&
  operand!.type.element === result.element &&
  sameQuantization(operand!.type.quantization, result.quantization);

export const fixedAttributes = (
  form: Form<"same"> | Form<"fixed">,
  operands: readonly Value[],
  profile: RoundingProfile,
): Attributes =>
  profile !== "default" && form.kind === "fixed" && operands.every(isByte) ? (form.tflite ?? {}) : {};

const isByte = ({ type: { element } }: Value): boolean => element === "i8" || element === "u8";

/** The stored operator of a sum or difference and its attributes, the clamp aside. */
export function rescaledForm(
  { stored, aligned }: Form<"rescaled">,
  root: Operation,
  operands: readonly Value[],
  result: TensorType,
  profile: RoundingProfile,
): { readonly definition: OpDefinition; readonly attributes: Attributes } {
  const types = operands.map(({ type }) => type);
  const [lhs, rhs] = types as [TensorType, TensorType];
  if (profile !== "default" && operands.every(isByte))
    return {
      definition: aligned,
      attributes: {
        ...alignedMultipliers(scaleOf(lhs), scaleOf(rhs), scaleOf(result)),
        rounding: roundingOf(profile),
      },
    };
  const ratios = types.map((type) => scaleOf(type) / scaleOf(result));
  return { definition: stored, attributes: largestShift(root, ratios, types.map(reachOf)) };
}

/** The largest magnitude of an element less its zero point. */
function reachOf({ element, quantization }: TensorType): number {
  const { min, max } = elementRange(element);
  const zero = quantization!.zero[0]!;
  return Math.max(max - zero, zero - min);
}

/**
 * The finest multipliers whose products, sum and rounding constant stay within i32.
 *
 * @throws DiagnosticError `overflow` when operands are so much coarser than the result that none are
 */
function largestShift(
  { definition, origin, result, span }: Operation,
  ratios: readonly number[],
  reach: readonly number[],
): { multipliers: number[]; shift: number } {
  for (let shift = 30; shift >= 1; shift--) {
    const multipliers = ratios.map((ratio) => roundHalfAwayFromZero(ratio * pow2(shift)));
    const largest = multipliers.reduce((sum, m, i) => sum + m * reach[i]!, pow2(shift - 1));
    if (largest < 2 ** 31) return { multipliers, shift };
  }
  return fail(
    "overflow",
    `'${definition.name}' has operands of ${ratios.join(" and ")} times its result's scale, which leave 32 bits`,
    {
      subject: origin ?? `%${result.name}`,
      ...(span === undefined ? {} : { span }),
      help: "scales this far apart are no measured ones: quantize the model again",
    },
  );
}

/** From here on every real but 0 saturates; larger ratios would leave 32 bits. */
const saturatingRatio = 2 ** 20;

/** The table of a change of scale, in a profile's own rounding: q - zero is the accumulator. */
export function rescaledTable(
  from: TensorType,
  to: TensorType,
  [low, high]: readonly number[],
  profile: RoundingProfile,
): Tensor {
  const { multiplier, shift } = toDyadic(Math.min(scaleOf(from) / scaleOf(to), saturatingRatio));
  const by = roundingOf(profile) === "twice" ? rescaleTwice : rescale;
  const { min } = elementRange(from.element);
  const [zeroFrom, zeroTo] = [from.quantization!.zero[0]!, to.quantization!.zero[0]!];
  const entries = Array.from({ length: 256 }, (_, i) => {
    const y = by(min + i - zeroFrom, multiplier, shift) + zeroTo;
    return Math.max(low!, Math.min(high!, y));
  });
  return tensor(to.element, [256], entries);
}
