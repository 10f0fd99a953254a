/** One layer's weights by least squares, from what it saw and what it sees; see reconstruct.ts. */
import { constantOf } from "../../src/ir/match.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { reconstruct } from "../../src/numerics/least-squares.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

/**
 * @param real the layer whose results are wanted
 * @param pruned the layer to fit, of as many outputs; its masked weights stay 0
 * @param cross Σ x zᵀ of both inputs, one for each of the layer's groups
 * @param own Σ z zᵀ
 */
export function fitLayer(
  real: WeightedLayer,
  pruned: WeightedLayer,
  cross: readonly Moments[],
  own: readonly Moments[],
  damping: number,
): { readonly weight: Tensor; readonly bias: Tensor | undefined } {
  const wanted = numbersOf(constantOf(real.weight)!);
  const current = numbersOf(constantOf(pruned.weight)!);
  const mask = maskOf(pruned.weight);
  const [seen, length] = [real.unfolding.length, pruned.unfolding.length];
  const weights = Float32Array.from(current);
  const bias = pruned.bias && Float32Array.from(numbersOf(constantOf(pruned.bias)!));
  const wantedBias = real.bias && numbersOf(constantOf(real.bias)!);
  const outputs = pruned.outputs / pruned.unfolding.groups;

  own.forEach((mine, g) => {
    const centres = bias !== undefined;
    const [between, within] = [cross[g]!, mine].map((moments) =>
      centres ? moments.centered() : moments,
    ) as [Moments, Moments];
    for (const { rows, columns } of bySupport(mask, g * outputs, outputs, length)) {
      if (columns.length === 0) continue;
      const pick = (source: ArrayLike<number>, from: number, which: readonly number[]): Float64Array =>
        Float64Array.from(
          { length: rows.length * which.length },
          (_, i) => source[rows[Math.floor(i / which.length)]! * from + which[i % which.length]!]!,
        );
      const everything = Array.from({ length: seen }, (_, k) => k);
      const solved = reconstruct(
        pick(wanted, seen, everything),
        pick(current, length, columns),
        between.select(everything, columns),
        within.select(columns),
        damping,
      );
      rows.forEach((o, r) => {
        columns.forEach((k, j) => {
          weights[o * length + k] = solved[r * columns.length + j]!;
        });
      });
    }
    if (bias === undefined) return;
    for (let o = g * outputs; o < (g + 1) * outputs; o++) {
      if (isGone(mask, o, length)) continue;
      let mean = wantedBias?.[o] ?? 0;
      for (let k = 0; k < seen; k++) mean += (wanted[o * seen + k]! * cross[g]!.leftTotals[k]!) / mine.count;
      for (let k = 0; k < length; k++) mean -= (weights[o * length + k]! * mine.leftTotals[k]!) / mine.count;
      bias[o] = mean;
    }
  });
  return {
    weight: tensor("f32", pruned.weight.type.shape, weights),
    bias: pruned.bias && bias && tensor("f32", pruned.bias.type.shape, bias),
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
