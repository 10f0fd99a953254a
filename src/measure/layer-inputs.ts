/**
 * What weighted layers see: the rows their weights are applied to (ir/unfolding.ts), read from tensors that an executor shows, and
 * their second moments. Reconstruction after pruning and second-order rounding both start here.
 *
 * Neighbouring places of one image say nearly the same, and moments cost the square of a row: a few places an image, spread
 * over it, are as good as all.
 */
import type { Operation, Value } from "../ir/graph.ts";
import { nameOperands } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import type { Unfolding } from "../ir/unfolding.ts";
import { Moments } from "../numerics/moments.ts";
import { numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";

export interface WeightedLayer {
  readonly operation: Operation;
  readonly input: Value;
  readonly weight: Value;
  readonly bias: Value | undefined;
  readonly outputs: number;
  readonly unfolding: Unfolding;
}

/** An accumulator with weights along axis 0 and rows to multiply them with, in a real or a fake-quantized graph. */
export function weightedLayerOf(operation: Operation): WeightedLayer | undefined {
  const { definition, operands, attributes, result } = operation;
  const form = definition.integer;
  if (form?.kind !== "accumulator" || form.weight === undefined || form.weightAxis !== 0) return undefined;
  const named = nameOperands(definition, operands) as Record<string, Value | undefined>;
  const [weight, bias] = [named[form.weight], form.bias === undefined ? undefined : named[form.bias]];
  if (weight === undefined || definition.unfold === undefined) return undefined;
  const types = nameOperands<TensorType>(
    definition,
    operands.map(({ type }) => type),
  );
  const unfolding = definition.unfold(types, attributes, result.type);
  return { operation, input: operands[0]!, weight, bias, outputs: weight.type.shape[0]!, unfolding };
}

export const manyRows = 64;

type Sizes = Pick<Unfolding, "groups" | "length">;

const rowsForEachColumn = 16;

/** Of one layer's moments: what takes less than a second. */
const usualProducts = 2 ** 29;

/** Samples that give a layer 16 rows for each column; small samples without positions give one each. */
export const enoughSamples = ({ length, rows }: Unfolding): number =>
  Math.ceil((rowsForEachColumn * length) / Math.min(rows, manyRows));

/**
 * Rows of each sample: of all together 16 for each column, and more where columns are few, as moments cost the square of their
 * number. Few rows of many samples say more than many of few.
 *
 * @param products in all moments of the layer
 * @param most of one sample
 */
export function enoughRows(
  { groups, length }: Sizes,
  samples: number,
  products = usualProducts,
  most = manyRows,
): number {
  const affordable = products / (groups * length * length);
  const wanted = Math.max(rowsForEachColumn * length, affordable) / Math.max(1, samples);
  return Math.max(4, Math.min(most, Math.ceil(wanted)));
}

/** Of the rows of each group of the layer with themselves. */
export const ownMoments = ({ groups, length }: Sizes): Moments[] =>
  Array.from({ length: groups }, () => new Moments(length));

/** Of others with the rows of each group. */
export const crossMoments = ({ groups, length }: Sizes, others: number): Moments[] =>
  Array.from({ length: groups }, () => new Moments(others, length));

/** Calls back with rows of inputs of the same shape, side by side. The arrays are valid during the call. */
export type RowReader = (
  inputs: readonly Tensor[],
  visit: (rows: readonly Float64Array[], group: number, place: number) => void,
) => void;

const goldenRatio = (Math.sqrt(5) - 1) / 2;

/** One place in each of `count` equal stretches, at ever other parts of it: places at even distances may all lie in one column. */
const placeAt = (p: number, count: number, rows: number): number =>
  Math.floor(((p + ((p * goldenRatio + 0.5) % 1)) * rows) / count);

/** Reads rows at the same places of every input: at most `limit` places, each for every group. */
export function rowReader(
  { groups, length, rows, positions }: Unfolding,
  limit: number = manyRows,
): RowReader {
  const count = Math.min(limit, rows);
  const places = Array.from({ length: count }, (_, p) => {
    const place = placeAt(p, count, rows);
    return { place, sources: Array.from({ length: groups }, (_, group) => positions(place, group)) };
  });
  return (inputs, visit) => {
    const numbers = inputs.map(numbersOf);
    const read = inputs.map(() => new Float64Array(length));
    for (const { place, sources } of places)
      sources.forEach((source, group) => {
        numbers.forEach((from, input) => {
          const row = read[input]!;
          for (let k = 0; k < length; k++) {
            const position = source[k]!;
            row[k] = position < 0 ? 0 : from[position]!;
          }
        });
        visit(read, group, place);
      });
  };
}

/** The mean row of each group over all places and samples. Reading rows is linear, so those of the mean input have the same mean. */
export function meanRows(unfolding: Unfolding, inputs: readonly Tensor[]): Float64Array[] {
  const { groups, length, rows } = unfolding;
  const means = Array.from({ length: groups }, () => new Float64Array(length));
  rowReader(unfolding, rows)([meanTensor(inputs)], ([row], group) => {
    const mean = means[group]!;
    for (let k = 0; k < length; k++) mean[k]! += row![k]! / rows;
  });
  return means;
}

/** The mean result of each output over all places and samples; results have outputs along their last axis. */
export function meanResults(
  { outputs, unfolding: { rows } }: WeightedLayer,
  results: readonly Tensor[],
): Float64Array {
  const means = new Float64Array(outputs);
  numbersOf(meanTensor(results)).forEach((y: number, i: number) => (means[i % outputs]! += y / rows));
  return means;
}

function meanTensor(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  const sums = new Float64Array(first!.data.length);
  for (const { data } of tensors)
    for (let i = 0; i < sums.length; i++) sums[i]! += (data[i] as number) / tensors.length;
  return tensor("f64", first!.shape, sums);
}
