/**
 * What weighted layers see: the rows their weights are applied to (ir/unfolding.ts), read from tensors that an executor shows, and
 * their second moments. Reconstruction after pruning and second-order rounding both start here.
 *
 * Neighbouring places of one image say nearly the same, and moments cost the square of a row: a few places an image, evenly spaced,
 * are as good as all.
 */
import type { Operation, Value } from "../ir/graph.ts";
import { nameOperands } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import type { Unfolding } from "../ir/unfolding.ts";
import { Moments } from "../numerics/moments.ts";
import { numbersOf, type Tensor } from "../tensor/tensor.ts";

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

const rowsForEachColumn = 24;

/** Samples that give a layer so many rows; small samples without positions give one each. */
export const enoughSamples = ({ length, rows }: Unfolding): number =>
  Math.ceil((rowsForEachColumn * length) / Math.min(rows, manyRows));

/** Rows of each sample, so that all samples together have about 24 for each column: few of many samples say more than many of few. */
export const enoughRows = ({ length }: Unfolding, samples: number): number =>
  Math.max(4, Math.min(manyRows, Math.ceil((rowsForEachColumn * length) / Math.max(1, samples))));

/** One for each group of the layer. */
export const newMoments = ({ groups, length }: Unfolding, leftLength = length): Moments[] =>
  Array.from({ length: groups }, () => new Moments(leftLength, length));

/**
 * Calls back with rows of one input: at most `limit` places, evenly spaced, each for every group. The array is valid during the
 * call.
 */
export function forEachRow(
  { groups, length, rows, positions }: Unfolding,
  input: Tensor,
  visit: (row: Float64Array, group: number, place: number) => void,
  limit: number = manyRows,
): void {
  const numbers = numbersOf(input);
  const row = new Float64Array(length);
  const places = Math.min(limit, rows);
  for (let p = 0; p < places; p++) {
    const place = Math.floor(((p + 0.5) * rows) / places);
    for (let group = 0; group < groups; group++) {
      positions(place, group).forEach((position, k) => {
        row[k] = position < 0 ? 0 : numbers[position]!;
      });
      visit(row, group, place);
    }
  }
}
