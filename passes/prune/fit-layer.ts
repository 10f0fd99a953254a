/** One layer's weights by least squares, from the results it should give and the rows it sees; see reconstruct.ts. */
import { constantOf } from "../../src/ir/match.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { fitWeights } from "../../src/numerics/least-squares.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

/** What least squares need to know of the rows z that a layer sees and the results y that it should give, group by group. */
export interface Seen {
  /** The entries of rows that moments are of: those that any output keeps. */
  readonly columns: readonly number[];
  /** Σ y zᵀ, outputs of a group × columns. */
  readonly wanted: readonly Moments[];
  /** Σ z zᵀ */
  readonly own: readonly Moments[];
  /** Of whole rows at all places, where moments know some of them: biases are to be exact. */
  readonly meanRows: readonly Float64Array[];
  /** For each output. */
  readonly meanResults: Float64Array;
}

/** Entries of the layer's rows that not all of its outputs have masked. */
export function keptColumns({ weight, unfolding: { length } }: WeightedLayer): number[] {
  const mask = maskOf(weight);
  const kept = new Uint8Array(length).fill(mask === undefined ? 1 : 0);
  mask?.data.forEach((keep: number | bigint, at: number) => (kept[at % length]! |= Number(keep)));
  return Array.from(kept.keys()).filter((k) => kept[k] === 1);
}

/** @param layer its masked weights stay 0 */
export function fitLayer(
  layer: WeightedLayer,
  { columns, wanted, own, meanRows, meanResults }: Seen,
  damping: number,
): { readonly weight: Tensor; readonly bias: Tensor | undefined } {
  const { length, groups } = layer.unfolding;
  const current = numbersOf(constantOf(layer.weight)!);
  const mask = maskOf(layer.weight);
  const weights = Float32Array.from(current);
  const bias = layer.bias && Float32Array.from(numbersOf(constantOf(layer.bias)!));
  const outputs = layer.outputs / groups;

  own.forEach((mine, g) => {
    const results = wanted[g]!;
    const first = g * outputs;
    const [toward, within] = bias === undefined ? [results, mine] : [results.centered(), mine.centered()];
    for (const { rows, kept } of bySupport(mask, first, outputs, length, columns)) {
      if (kept.length === 0) continue;
      const chosen = rows.map((row) => row - first);
      const prior = rows.flatMap((row) => kept.map((k) => current[row * length + columns[k]!]!));
      const fitted = fitWeights(toward.select(chosen, kept).sums, prior, within.select(kept), damping);
      rows.forEach((row, r) => {
        kept.forEach((k, j) => (weights[row * length + columns[k]!] = fitted[r * kept.length + j]!));
      });
    }
    if (bias === undefined) return;
    for (let o = 0; o < outputs; o++) {
      if (isGone(mask, first + o, length)) continue;
      let mean = meanResults[first + o]!;
      for (let k = 0; k < length; k++) mean -= weights[(first + o) * length + k]! * meanRows[g]![k]!;
      bias[first + o] = mean;
    }
  });
  return {
    weight: tensor("f32", layer.weight.type.shape, weights),
    bias: layer.bias && bias && tensor("f32", layer.bias.type.shape, bias),
  };
}

const isGone = (mask: Tensor | undefined, output: number, length: number): boolean =>
  mask !== undefined &&
  !mask.data.slice(output * length, (output + 1) * length).some((kept: number | bigint) => kept === 1);

/** Outputs that keep the same of the columns, by their places among them: one factorization serves all. */
function bySupport(
  mask: Tensor | undefined,
  first: number,
  count: number,
  length: number,
  columns: readonly number[],
): { readonly rows: number[]; readonly kept: number[] }[] {
  const found = new Map<string, { rows: number[]; kept: number[] }>();
  for (let o = first; o < first + count; o++) {
    const kept = [...columns.keys()].filter((k) => (mask?.data[o * length + columns[k]!] ?? 1) === 1);
    const key = kept.join();
    const alike = found.get(key) ?? { rows: [], kept };
    alike.rows.push(o);
    found.set(key, alike);
  }
  return [...found.values()];
}
