/** One layer's weights by least squares, from the results it should give and the rows it sees; see reconstruct.ts. */
import { constantOf } from "../../src/ir/match.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { fitWeights } from "../../src/numerics/least-squares.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

/** What least squares need to know of the rows z that a layer sees and the results y that it should give, group by group. */
export interface Seen {
  /** Σ y zᵀ, outputs of a group × length. */
  readonly wanted: readonly Moments[];
  /** Σ z zᵀ */
  readonly own: readonly Moments[];
  /** Of all places, where moments know some of them: biases are to be exact. */
  readonly meanRows: readonly Float64Array[];
  /** For each output. */
  readonly meanResults: Float64Array;
}

/** @param layer its masked weights stay 0 */
export function fitLayer(
  layer: WeightedLayer,
  { wanted, own, meanRows, meanResults }: Seen,
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
    for (const { rows, columns } of bySupport(mask, first, outputs, length)) {
      if (columns.length === 0) continue;
      const chosen = rows.map((row) => row - first);
      const prior = rows.flatMap((row) => columns.map((k) => current[row * length + k]!));
      const fitted = fitWeights(toward.select(chosen, columns).sums, prior, within.select(columns), damping);
      rows.forEach((row, r) => {
        columns.forEach((k, j) => (weights[row * length + k] = fitted[r * columns.length + j]!));
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

/** Outputs that keep the same columns, which one factorization serves. */
function bySupport(
  mask: Tensor | undefined,
  first: number,
  count: number,
  length: number,
): { readonly rows: number[]; readonly columns: number[] }[] {
  const found = new Map<string, { rows: number[]; columns: number[] }>();
  for (let o = first; o < first + count; o++) {
    const columns: number[] = [];
    for (let k = 0; k < length; k++)
      if (mask === undefined || mask.data[o * length + k] === 1) columns.push(k);
    const key = columns.join();
    const alike = found.get(key) ?? { rows: [], columns };
    alike.rows.push(o);
    found.set(key, alike);
  }
  return [...found.values()];
}
