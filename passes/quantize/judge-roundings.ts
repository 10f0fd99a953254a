/**
 * How far a layer with rounded weights is from the real network's, on samples held out.
 *
 * What counts is what the next layer reads: where a clamp follows (relu, relu6), results on the far side of its bounds are all alike,
 * and an error there is none. At the end of a residual branch it is the sum that is compared.
 */
import { clamped } from "../../src/measure/layer-aims.ts";
import { rowReader } from "../../src/measure/layer-inputs.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import type { PairedLayer } from "./paired-layers.ts";
import type { LayerRounding } from "./round-layer.ts";
import type { LayerSample } from "./walk-layers.ts";

const heldOutPlaces = 32;

/** Of each candidate: squared error over squared results, these without their means where there is a bias. */
export function noiseOfRoundings(
  { fake: { unfolding, outputs }, bias, aim: { bounds } }: PairedLayer,
  candidates: readonly LayerRounding[],
  heldOut: readonly LayerSample[],
): number[] {
  const { length, groups } = unfolding;
  const perGroup = outputs / groups;
  const weights = candidates.map(({ integers, scales }) =>
    Float64Array.from(integers, (q, at) => q * scales[Math.floor(at / length)]!),
  );
  const errors = candidates.map(() => 0);
  const [sums, squares] = [new Float64Array(outputs), new Float64Array(outputs)];
  let rows = 0;
  const read = rowReader(unfolding, heldOutPlaces);
  for (const { input, result, sum } of heldOut) {
    const [targets, others] = [numbersOf(sum?.target ?? result), sum && numbersOf(sum.shortcut)];
    read([input], ([row], group, place) => {
      if (group === 0) rows++;
      for (let o = group * perGroup; o < (group + 1) * perGroup; o++) {
        const at = place * outputs + o;
        const wanted = clamped(targets[at]!, bounds);
        sums[o]! += wanted;
        squares[o]! += wanted * wanted;
        const other = others?.[at] ?? 0;
        for (let c = 0; c < candidates.length; c++) {
          const own = (candidates[c]!.bias?.[o] ?? 0) + rowProduct(weights[c]!, o * length, row!);
          const error = clamped(own + other, bounds) - wanted;
          errors[c]! += error * error;
        }
      }
    });
  }
  const signal = squares.reduce(
    (sum, square, o) => sum + square - (bias === undefined ? 0 : (sums[o]! * sums[o]!) / rows),
    0,
  );
  return errors.map((error) => (error === 0 ? 0 : error / Math.max(signal, Number.MIN_VALUE)));
}

function rowProduct(weights: Float64Array, begin: number, row: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < row.length; k++) sum += weights[begin + k]! * row[k]!;
  return sum;
}
