/** Weights and biases of one operation, quantized as its `IntegerForm` names them. */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { inferType } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { nameOperands, operandSpecs, type IntegerForm } from "../../src/ir/operation.ts";
import { sliceQuantization, tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import { minimize } from "../../src/numerics/clip-range.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { levelsOf, nearestLevel, type Levels } from "../../src/numerics/levels.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { elementBits } from "../../src/tensor/element-type.ts";
import { numbersOf, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { replaceConstant } from "./replace-constant.ts";

export interface WeightOptions {
  readonly weights: "channel" | "tensor";
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
  const named = nameOperands(operation.definition, operation.operands) as Record<string, Value | undefined>;
  const weightValue = form.weight === undefined ? undefined : named[form.weight];
  const weight = constantOf(weightValue);
  if (weight === undefined || weightValue === undefined || weight.element !== "f32") return 0;
  const axis = options.weights === "channel" ? form.weightAxis : undefined;
  const biasValue = form.bias === undefined ? undefined : named[form.bias];
  const bias = constantOf(biasValue);

  // What is pruned is stored as zero, which odd levels lack.
  const isPruned = maskOf(weightValue) !== undefined && options.levels.step === 2;
  const levels = isPruned ? levelsOf(elementBits(options.levels.element)) : options.levels;
  const channelOf = sliceOf(weight, axis);
  const scale = weightScales(weight, axis, levels, options["weight-ranges"]);
  const accumulatorScale = (): Quantization =>
    accumulatorType(
      operation,
      form,
      tensorType(levels.element, weight.shape, weightQuantization({ scale, axis })),
    ).quantization!;
  if (bias !== undefined) raiseForBias(scale, numbersOf(bias), accumulatorScale());

  const integers = Array.from(numbersOf(weight), (w, i) => nearestLevel(levels, w / scale[channelOf(i)]!));
  replaceConstant(
    graph,
    operation,
    weightValue,
    tensor(levels.element, weight.shape, integers),
    weightQuantization({ scale, axis }),
  );
  if (bias === undefined || biasValue === undefined) return 1;

  const quantization = biasQuantization(accumulatorScale(), axis);
  const biases = Array.from(numbersOf(bias), (b, c) => storedBias(b, quantization, c));
  replaceConstant(graph, operation, biasValue, tensor("i32", bias.shape, biases), quantization);
  return 2;
}

/** What weights become by nearest levels, with a scale for each slice along `axis`: in reals. */
export function roundedWeights(weight: Tensor, axis: number | undefined, levels: Levels): Float64Array {
  const scale = weightScales(weight, axis, levels, "auto");
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

/** One for each slice along `axis`, or one for all. */
function weightScales(
  weight: Tensor,
  axis: number | undefined,
  levels: Levels,
  ranges: WeightOptions["weight-ranges"],
): number[] {
  const channelOf = sliceOf(weight, axis);
  const channels = axis === undefined ? 1 : weight.shape[axis]!;
  const clips = ranges === "mse" || (ranges === "auto" && elementBits(levels.element) < fewestMinmaxBits);
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
  return largest.map((max, c) => {
    if (max === 0) return 0;
    const error = (t: number): number => {
      const inverse = levels.largest / (t * max);
      let total = 0;
      for (const w of members[c]!) {
        const u = w * inverse;
        const d = u - nearestLevel(levels, u);
        total += d * d;
      }
      return total / (inverse * inverse);
    };
    return max * minimize(error).at;
  });
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
