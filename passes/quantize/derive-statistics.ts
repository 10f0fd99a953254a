/**
 * Mean and deviation of activations without samples. They begin at batch normalizations, whose channels have mean β and deviation |γ|
 * whatever came before, and go on through what follows, channels taken as normal and independent, places of one channel as one:
 *
 *     layer          mean W m + b     variance Σ over channels c of max(Σ (w σ)², (Σ w σ)²), the sums over the places of c it reads
 *     averages       mean of means    deviation the mean of deviations
 *     sums           means add        variances add
 *     clamps         what is left of a normal distribution between the bounds (numerics/gaussian.ts)
 *     tables         the function's mean and deviation, by a sum over 65 places within six deviations
 *     moves          both move along
 *
 * How neighbouring places of an image or a spectrogram go together no normalization tells: as one, or, where weights cancel, apart is the most
 * that they can make of a deviation. Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", section 4.2, go as
 * far as the clamp.
 *
 * Of inputs nothing is known but their range, and of products, maxima and softmax nothing follows: a value behind them has no statistics
 * until the next normalization. Statistics are of elements, not channels, as moves may put channels anywhere: eight bytes for each element.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { constantOf, isConstant } from "../../src/ir/match.ts";
import { weightedLayerOf, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { clampedNormal, normalDensity, type MeanAndDeviation } from "../../src/numerics/gaussian.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import { elementCount, numbersOf, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { evaluateOperation } from "./evaluate-operation.ts";

/** Of each element of a value, f32 of its shape. */
export interface Statistics {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

/** By value; those of which nothing is known have none. */
export function deriveStatistics(
  graph: Graph,
  { normalized }: Pick<PassContext, "normalized">,
): ReadonlyMap<Value, Statistics> {
  const known = new Map<Value, Statistics>();
  for (const operation of graph.operations) {
    const { result } = operation;
    if (result.type.element !== "f32" || isConstant(result)) continue;
    const statistics = ofNormalized(result, normalized) ?? ofResult(operation, known);
    if (statistics !== undefined) known.set(result, statistics);
  }
  return known;
}

function ofNormalized(
  { name, type: { shape } }: Value,
  normalized: PassContext["normalized"],
): Statistics | undefined {
  const found = normalized.get(name);
  // Removed channels leave statistics of those that were.
  if (found === undefined || shape[found.axis] !== found.mean.length) return undefined;
  const stride = stridesOf(shape)[found.axis]!;
  const spread = (channels: readonly number[]): Tensor =>
    real(
      shape,
      Float32Array.from(
        { length: elementCount(shape) },
        (_, i) => channels[Math.floor(i / stride) % channels.length]!,
      ),
    );
  return { mean: spread(found.mean), deviation: spread(found.deviation) };
}

function ofResult(operation: Operation, known: ReadonlyMap<Value, Statistics>): Statistics | undefined {
  const { definition, operands, attributes } = operation;
  const layer = weightedLayerOf(operation);
  if (layer !== undefined) return ofLayer(operation, layer, known.get(layer.input));
  const form = definition.integer;
  if (definition.movesOnly === true) return ofMoved(operation, known);
  const statistics = operands.map((value) => ofOperand(value, known));
  const [first] = statistics;
  if (first === undefined || !statistics.every((each) => each !== undefined)) return undefined;
  switch (form?.kind) {
    case "clamp": {
      const { low, high } = form.bounds(attributes);
      return eachElement(first, (found) => found.map((each) => clampedNormal(each, low, high)));
    }
    case "table":
      return eachElement(first, (found) => ofFunction(operation, found));
    case "accumulator":
      // Resampling may subtract; a product of activations is no average.
      if (operands.length !== 1 || form.growth !== undefined) return undefined;
      return {
        mean: evaluateOperation(operation, [first.mean]),
        deviation: evaluateOperation(operation, [first.deviation]),
      };
    case "rescaled":
      return ofSum(operation, statistics);
    default:
      return undefined;
  }
}

function ofLayer(
  operation: Operation,
  layer: WeightedLayer,
  found: Statistics | undefined,
): Statistics | undefined {
  const { input, weight, bias } = layer;
  const [weights, biases] = [constantOf(weight), bias && constantOf(bias)];
  if (found === undefined || weights === undefined || (bias !== undefined && biases === undefined))
    return undefined;
  const operands = operation.operands.map((value) => (value === input ? found.mean : constantOf(value)!));
  return {
    mean: evaluateOperation(operation, operands),
    deviation: deviationOfLayer(layer, found.deviation, weights),
  };
}

/** Places of one channel go together or apart, whichever makes the most of the layer's weights; channels are independent. */
function deviationOfLayer(
  { input, operation, outputs, unfolding }: WeightedLayer,
  of: Tensor,
  weight: Tensor,
): Tensor {
  const channels = input.type.shape.at(-1)!;
  const { groups, length, rows, positions } = unfolding;
  const [deviations, weights] = [numbersOf(of), numbersOf(weight)];
  const found = new Float32Array(rows * outputs);
  const [together, apart] = [new Float64Array(channels), new Float64Array(channels)];
  for (let row = 0; row < rows; row++)
    for (let group = 0; group < groups; group++) {
      const sources = positions(row, group);
      for (let o = (group * outputs) / groups; o < ((group + 1) * outputs) / groups; o++) {
        together.fill(0);
        apart.fill(0);
        for (let k = 0; k < length; k++) {
          const source = sources[k]!;
          if (source < 0) continue;
          const share = weights[o * length + k]! * deviations[source]!;
          together[source % channels]! += share;
          apart[source % channels]! += share * share;
        }
        const variance = together.reduce((sum, all, c) => sum + Math.max(all * all, apart[c]!), 0);
        found[row * outputs + o] = Math.sqrt(variance);
      }
    }
  return real(operation.result.type.shape, found);
}

function ofOperand(value: Value, known: ReadonlyMap<Value, Statistics>): Statistics | undefined {
  const contents = constantOf(value);
  if (contents === undefined) return known.get(value);
  // Indices are what they are.
  return { mean: contents, deviation: contents.element === "f32" ? filled(contents.shape, 0) : contents };
}

function ofMoved(operation: Operation, known: ReadonlyMap<Value, Statistics>): Statistics | undefined {
  const operands = operation.operands.map((value) => ofOperand(value, known));
  if (!operands.every((each) => each !== undefined)) return undefined;
  return {
    mean: evaluateOperation(
      operation,
      operands.map(({ mean }) => mean),
    ),
    deviation: evaluateOperation(
      operation,
      operands.map(({ deviation }) => deviation),
    ),
  };
}

/** Of a x + b y, whatever a and b are; x may be y. */
function ofSum(operation: Operation, operands: readonly Statistics[]): Statistics {
  const { shape } = operation.result.type;
  const variance = new Float64Array(elementCount(shape));
  new Set(operation.operands).forEach((value) => {
    const alone = operands.map(({ deviation }, o) =>
      operation.operands[o] === value ? deviation : filled(deviation.shape, 0),
    );
    numbersOf(evaluateOperation(operation, alone)).forEach((scaled: number, i: number) => {
      variance[i]! += scaled * scaled;
    });
  });
  const mean = evaluateOperation(
    operation,
    operands.map((each) => each.mean),
  );
  return { mean, deviation: real(shape, Float32Array.from(variance, Math.sqrt)) };
}

const places = 65;
const reach = 6;

/** Mean and deviation of a function of one element, for each of its arguments. */
function ofFunction(operation: Operation, found: readonly MeanAndDeviation[]): MeanAndDeviation[] {
  const nodes = Array.from({ length: places }, (_, i) => (reach * (2 * i - places + 1)) / (places - 1));
  const weights = nodes.map(normalDensity);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const arguments_ = Float32Array.from({ length: found.length * places }, (_, i) => {
    const { mean, deviation } = found[Math.floor(i / places)]!;
    return mean + deviation * nodes[i % places]!;
  });
  const results = numbersOf(evaluateOperation(operation, [real([arguments_.length], arguments_)]));
  return found.map((_, at) => {
    const expected = (of: (y: number) => number): number =>
      weights.reduce((sum, weight, i) => sum + weight * of(Number(results[at * places + i])), 0) / total;
    const mean = expected((y) => y);
    return { mean, deviation: Math.sqrt(expected((y) => (y - mean) * (y - mean))) };
  });
}

/** Elements of a channel are mostly alike: each distinct one is computed once. */
function eachElement(
  { mean, deviation }: Statistics,
  compute: (found: readonly MeanAndDeviation[]) => readonly MeanAndDeviation[],
): Statistics {
  const [means, deviations] = [numbersOf(mean), numbersOf(deviation)];
  const channels = mean.shape.at(-1) ?? 1;
  const distinct: MeanAndDeviation[] = [];
  const place = new Int32Array(means.length);
  for (let i = 0; i < means.length; i++) {
    const like = i - channels;
    if (like >= 0 && means[i] === means[like] && deviations[i] === deviations[like]) place[i] = place[like]!;
    else place[i] = distinct.push({ mean: Number(means[i]), deviation: Number(deviations[i]) }) - 1;
  }
  const computed = compute(distinct);
  const spread = (of: (each: MeanAndDeviation) => number): Tensor =>
    real(
      mean.shape,
      Float32Array.from(place, (at) => of(computed[at]!)),
    );
  return { mean: spread((each) => each.mean), deviation: spread((each) => each.deviation) };
}

const real = (shape: readonly number[], data: Float32Array): Tensor => tensor("f32", shape, data);
const filled = (shape: readonly number[], x: number): Tensor =>
  real(shape, new Float32Array(elementCount(shape)).fill(x));
