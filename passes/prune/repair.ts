/**
 * What the layers that read removed channels can do about it, in closed form from second moments of their inputs x (before any pruning):
 *
 *  - `means`: a removed channel's mean goes into the bias, b += W_r E[x_r], exact for a channel that is constant (but at padding).
 *  - `reuse`: removed channels are expressed by kept ones, x_r ≈ A x_k with one matrix for all positions, which is folded into the
 *    weights, W_k += W_r A (Cho et al., "Reduce and reuse").
 *  - `least-squares`: the weights of all kept columns are found anew, W' = argmin E ‖W x − W' x_k − b‖² (He, Zhang and Sun, "Channel
 *    pruning", section 3.1).
 *
 * Each also moves the mean into the bias where there is one. No training, no labels. Declines for a weight that several layers
 * share, and leaves a shared bias as it is.
 */
import { constantOf } from "../../src/ir/match.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { factorDamped, reconstruct } from "../../src/numerics/least-squares.ts";
import { Moments } from "../../src/numerics/moments.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

export const repairMethods = ["none", "means", "reuse", "least-squares"] as const;
export type RepairMethod = (typeof repairMethods)[number];

/** The columns of one group of channels in a layer's rows, channel by channel; equally many each. */
export interface ChannelColumns {
  readonly removed: readonly (readonly number[])[];
  readonly kept: readonly (readonly number[])[];
}

export interface RepairedLayer {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
}

/** @param moments of the rows the layer saw before, one for each of its groups */
export function repairLayer(
  layer: WeightedLayer,
  moments: readonly Moments[],
  channels: readonly ChannelColumns[],
  method: RepairMethod,
): RepairedLayer | undefined {
  if (method === "none" || layer.weight.users.size > 1) return undefined;
  const { groups, length } = layer.unfolding;
  const outputs = layer.outputs / groups;
  const old = Float64Array.from(numbersOf(constantOf(layer.weight)!));
  const weights = old.slice();
  const removed = new Set(channels.flatMap((each) => each.removed.flat()));
  const kept = Array.from({ length }, (_, k) => k).filter((k) => !removed.has(k));
  const own = layer.bias?.users.size === 1 ? layer.bias : undefined;
  const bias = own && Float64Array.from(numbersOf(constantOf(own)!));
  moments.forEach((seen, g) => {
    const centred = bias === undefined ? seen : seen.centered();
    const rows = { first: g * outputs, count: outputs, length };
    if (method === "least-squares") solveKept(weights, rows, centred, kept);
    if (method === "reuse") for (const each of channels) reuse(weights, rows, centred, each);
    for (let o = rows.first; o < rows.first + outputs; o++) {
      for (const k of removed) weights[o * length + k] = 0;
      if (bias === undefined || seen.count === 0) continue;
      for (let k = 0; k < length; k++)
        bias[o]! += ((old[o * length + k]! - weights[o * length + k]!) * seen.leftTotals[k]!) / seen.count;
    }
  });
  return {
    weight: tensor("f32", layer.weight.type.shape, Float32Array.from(weights)),
    bias: own && bias && tensor("f32", own.type.shape, Float32Array.from(bias)),
  };
}

interface Rows {
  /** Outputs. */
  readonly first: number;
  readonly count: number;
  readonly length: number;
}

function solveKept(
  weights: Float64Array,
  { first, count, length }: Rows,
  moments: Moments,
  kept: readonly number[],
): void {
  if (kept.length === 0 || kept.length === length) return;
  const own = weights.slice(first * length, (first + count) * length);
  const prior = pickColumns(own, length, kept);
  const all = Array.from({ length }, (_, k) => k);
  const solved = reconstruct(own, prior, moments.select(all, kept), moments.select(kept));
  for (let o = 0; o < count; o++)
    kept.forEach((k, j) => {
      weights[(first + o) * length + k] = solved[o * kept.length + j]!;
    });
}

const pickColumns = (matrix: Float64Array, length: number, columns: readonly number[]): Float64Array =>
  Float64Array.from(
    { length: (matrix.length / length) * columns.length },
    (_, i) => matrix[Math.floor(i / columns.length) * length + columns[i % columns.length]!]!,
  );

function reuse(
  weights: Float64Array,
  { first, count, length }: Rows,
  moments: Moments,
  { removed, kept }: ChannelColumns,
): void {
  if (removed.length === 0 || kept.length === 0) return;
  const between = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, column, tap) => sum + moments.at(column, b[tap]!), 0);
  const gram = Float64Array.from({ length: kept.length * kept.length }, (_, i) =>
    between(kept[Math.floor(i / kept.length)]!, kept[i % kept.length]!),
  );
  const cross = Float64Array.from({ length: kept.length * removed.length }, (_, i) =>
    between(kept[Math.floor(i / removed.length)]!, removed[i % removed.length]!),
  );
  /** kept × removed */
  const factors = factorDamped(gram, kept.length).solve(cross, removed.length);
  for (let o = first; o < first + count; o++)
    kept.forEach((columns, k) => {
      columns.forEach((column, tap) => {
        let sum = 0;
        removed.forEach((others, r) => {
          sum += weights[o * length + others[tap]!]! * factors[k * removed.length + r]!;
        });
        weights[o * length + column]! += sum;
      });
    });
}
