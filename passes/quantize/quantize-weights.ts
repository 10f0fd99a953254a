/** Weights and biases of one operation, quantized as its `IntegerForm` names them. */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { inferType } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { nameOperands, operandSpecs, type IntegerForm } from "../../src/ir/operation.ts";
import { sliceQuantization, tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import {
  elementFactors,
  groupsOfRow,
  mostFactor,
  rowLengthOf,
  type GroupCodes,
} from "../../src/numerics/group-codes.ts";
import { levelsOf, nearestLevel, type Levels } from "../../src/numerics/levels.ts";
import { constant, maskOf } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { elementBits, isNarrow } from "../../src/tensor/element-type.ts";
import { numbersOf, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { chooseGroupScales, leastErrorClip } from "./group-scales.ts";
import { replaceConstant } from "./replace-constant.ts";

export interface WeightOptions {
  /** One scale for each output channel, or for each layer. */
  readonly weights: "channel" | "tensor";
  /** Channels have a scale for each group of their inputs (group-scales.ts). */
  readonly groups?: {
    /** Weights of a group, a power of two. */
    readonly size: number;
    /** Whole multiples of the channel's scale, or powers of two alone. */
    readonly factors: "integers" | "powers";
  };
  readonly levels: Levels;
  /** `auto` is the largest weight from six bits on, and least squared error below. */
  readonly "weight-ranges": "auto" | "minmax" | "mse";
}

export type AccumulatorForm = Extract<IntegerForm, { kind: "accumulator" }>;

const fewestMinmaxBits = 6;
const biasLimit = 2 ** 30;
const i32Limit = 2 ** 31;

/** How many constants were quantized. */
export function quantizeWeights(
  graph: Graph,
  operation: Operation,
  form: AccumulatorForm,
  options: WeightOptions,
): number {
  separateBias(graph, operation, form);
  const named = namedOperands(operation);
  const weightValue = form.weight === undefined ? undefined : named[form.weight];
  const weight = constantOf(weightValue);
  if (weight === undefined || weightValue === undefined || weight.element !== "f32") return 0;
  const axis = options.weights === "tensor" ? undefined : form.weightAxis;
  const biasValue = form.bias === undefined ? undefined : named[form.bias];
  const bias = constantOf(biasValue);

  // What is pruned is stored as zero, which odd levels lack.
  const isPruned = maskOf(weightValue) !== undefined && options.levels.step === 2;
  const levels = isPruned ? levelsOf(elementBits(options.levels.element)) : options.levels;
  const channelOf = sliceOf(weight, axis);
  const clips = clipsWeights(levels, options["weight-ranges"]);
  const { scale, codes } = chooseScales(weight, axis, levels, clips, options.groups);
  const element = codes === undefined ? levels.element : "i8";
  const accumulatorScale = (): Quantization =>
    accumulatorType(operation, form, tensorType(element, weight.shape, weightQuantization({ scale, axis })))
      .quantization!;
  if (bias !== undefined) raiseForBias(scale, numbersOf(bias), accumulatorScale());

  const factors = codes && elementFactors(weight.shape, codes);
  const integers = Array.from(numbersOf(weight), (w, i) => {
    const factor = factors?.[i] ?? 1;
    return factor * nearestLevel(levels, w / (factor * scale[channelOf(i)]!));
  });
  const stored = tensor(element, weight.shape, integers);
  replaceConstant(graph, operation, weightValue, stored, weightQuantization({ scale, axis }), codes);
  if (bias === undefined || biasValue === undefined) return 1;

  const quantization = biasQuantization(accumulatorScale(), axis);
  const biases = Array.from(numbersOf(bias), (b, c) => storedBias(b, quantization, c));
  replaceConstant(graph, operation, biasValue, tensor("i32", bias.shape, biases), quantization);
  return 2;
}

const namedOperands = (operation: Operation): Record<string, Value | undefined> =>
  nameOperands(operation.definition, operation.operands) as Record<string, Value | undefined>;

/** A normalization's gains and offsets may be one constant, which two quantizations cannot share. */
function separateBias(graph: Graph, operation: Operation, form: AccumulatorForm): void {
  if (form.weight === undefined || form.bias === undefined) return;
  const { [form.weight]: weight, [form.bias]: bias } = namedOperands(operation);
  if (bias === undefined || bias !== weight || constantOf(bias) === undefined) return;
  const { attributes, origin } = bias.producer!;
  const own = graph.create(constant, {}, attributes, { name: bias.name, before: operation, origin });
  graph.replaceOperandAt(operation, operation.operands.lastIndexOf(bias), own.result);
}

/** What weights become by nearest levels, with a scale for each slice along `axis`: in reals. */
export function roundedWeights(weight: Tensor, axis: number | undefined, levels: Levels): Float64Array {
  const scale = weightScales(weight, axis, levels, clipsWeights(levels, "auto"));
  const channelOf = sliceOf(weight, axis);
  return Float64Array.from(numbersOf(weight), (w, i) => {
    const s = scale[channelOf(i)]!;
    return s * nearestLevel(levels, w / s);
  });
}

/** Of a bias, in the accumulator's scale. */
export const biasQuantization = ({ scale }: Quantization, axis: number | undefined): Quantization =>
  scale.length === 1 && axis === undefined
    ? { scale, zero: [0] }
    : { scale, zero: scale.map(() => 0), axis: 0 };

export const storedBias = (real: number, quantization: Quantization, channel: number): number =>
  quantizeValue(real, sliceQuantization(quantization, channel).scale, 0, -i32Limit, i32Limit - 1);

/** The finest accumulator scale in which a bias still leaves room. */
export const leastBiasScale = (bias: number): number => Math.abs(bias) / biasLimit;

/** Which slice along `axis` an element lies in. */
export function sliceOf({ shape }: Tensor, axis: number | undefined): (position: number) => number {
  if (axis === undefined) return () => 0;
  const stride = stridesOf(shape)[axis]!;
  return (position) => Math.floor(position / stride) % shape[axis]!;
}

const clipsWeights = ({ element }: Levels, ranges: WeightOptions["weight-ranges"]): boolean =>
  ranges === "mse" || (ranges === "auto" && elementBits(element) < fewestMinmaxBits);

interface ChosenScales {
  readonly scale: number[];
  readonly codes?: GroupCodes;
}

function chooseScales(
  weight: Tensor,
  axis: number | undefined,
  levels: Levels,
  clips: boolean,
  groups: WeightOptions["groups"],
): ChosenScales {
  const scale = weightScales(weight, axis, levels, clips);
  const { element } = levels;
  const size = groups === undefined || axis !== 0 ? 0 : groupSizeFor(weight, groups.size);
  const length = rowLengthOf(weight.shape);
  const factors = isNarrow(element) ? possibleFactors(mostFactor(element), groups?.factors) : [1];
  if (!isNarrow(element) || factors.length === 1 || size === 0 || length <= size) return { scale };
  const all = Float64Array.from(numbersOf(weight));
  const rows = scale.map((channelScale, c) =>
    chooseGroupScales(all.subarray(c * length, (c + 1) * length), channelScale, {
      size,
      levels,
      factors,
      clips,
    }),
  );
  const chosen = rows.flatMap((row) => [...row.factors]);
  const scales = rows.map((row) => row.scale);
  if (chosen.every((factor) => factor === 1)) return { scale: scales };
  const shape = [rows.length, groupsOfRow(length, size)];
  return { scale: scales, codes: { element, size, factors: tensor("u8", shape, chosen) } };
}

const possibleFactors = (most: number, kind: "integers" | "powers" | undefined): number[] =>
  Array.from({ length: most }, (_, i) => i + 1).filter((m) => kind !== "powers" || (m & (m - 1)) === 0);

const fewestOfGroup = 16;

/** Scalar code sums whole groups where each tap of a window begins with one: taps of fewer inputs get smaller groups. */
function groupSizeFor({ shape }: Tensor, wanted: number): number {
  const depth = shape.at(-1)!;
  if (rowLengthOf(shape) === depth) return wanted;
  let size = wanted;
  while (size > fewestOfGroup && depth % size !== 0) size /= 2;
  return depth % size === 0 ? size : wanted;
}

/** One for each slice along `axis`, or one for all. */
function weightScales(weight: Tensor, axis: number | undefined, levels: Levels, clips: boolean): number[] {
  const channelOf = sliceOf(weight, axis);
  const channels = axis === undefined ? 1 : weight.shape[axis]!;
  const largest = new Array<number>(channels).fill(0);
  numbersOf(weight).forEach((w: number, i: number) => {
    const c = channelOf(i);
    if (!Number.isFinite(w)) throw new Error("a weight is not finite");
    largest[c] = Math.max(largest[c]!, Math.abs(w));
  });
  const smallest = 2 ** -126;
  const clip = clips ? leastErrorClips(numbersOf(weight), channelOf, largest, levels) : largest;
  const scales = clip.map((max) => (max === 0 ? 0 : Math.max(smallest, Math.fround(max / levels.largest))));
  // Odd levels have no zero: nothing is nearly nothing only at the smallest scale.
  const widest = levels.step === 2 ? smallest : scales.reduce((most, s) => Math.max(most, s), 0);
  return scales.map((s) => (s > 0 ? s : widest > 0 ? widest : 1));
}

/** For each channel the largest magnitude to represent so that the squared error of its weights is least. */
function leastErrorClips(
  weights: ArrayLike<number>,
  channelOf: (position: number) => number,
  largest: readonly number[],
  levels: Levels,
): number[] {
  const members = largest.map((): number[] => []);
  for (let i = 0; i < weights.length; i++) members[channelOf(i)]!.push(weights[i]!);
  return largest.map((max, c) => leastErrorClip(members[c]!, max, levels));
}

/** Raises the scales of channels whose biases would not fit; they are in the accumulator's scale, in proportion to the weight's. */
function raiseForBias(scale: number[], bias: ArrayLike<number>, accumulator: Quantization): void {
  const product = [...scale].map((_, c) => sliceQuantization(accumulator, c).scale);
  for (let c = 0; c < bias.length; c++) {
    const at = scale.length === 1 ? 0 : c;
    const excess = Math.abs(bias[c]!) / (product[at]! * biasLimit);
    if (!(excess >= 1)) continue;
    // A hair more, so that rounding to f32 does not take it back.
    const raised = Math.fround(scale[at]! * excess * (1 + 2 ** -20));
    product[at] = product[at]! * (raised / scale[at]!);
    scale[at] = raised;
  }
}

export const weightQuantization = ({
  scale,
  axis,
}: {
  scale: readonly number[];
  axis: number | undefined;
}): Quantization => {
  const zero = scale.map(() => 0);
  return axis === undefined ? { scale, zero } : { scale, zero, axis };
};

/** The type of the operation on stored operands without its bias: the algebra of scales is the operator's own type rule. */
export function accumulatorType(
  { definition, operands, attributes, origin, span }: Operation,
  form: AccumulatorForm,
  weight: TensorType,
): TensorType {
  const names = operandSpecs(definition).map((spec) => spec.name);
  const types = operands.flatMap((operand, i): TensorType[] => {
    if (names[i] === form.bias) return [];
    if (names[i] === form.weight) return [weight];
    if (operand.producer?.definition !== dequantize) throw new Error(`%${operand.name} is not quantized`);
    return [operand.producer.operands[0]!.type];
  });
  return inferType(definition, types, attributes, undefined, {
    origin,
    ...(span === undefined ? {} : { span }),
  });
}
