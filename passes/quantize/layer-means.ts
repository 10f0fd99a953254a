/** What a layer reads and should give on average, and the bias that keeps its real mean. */
import { constantOf } from "../../src/ir/match.ts";
import { sliceQuantization } from "../../src/ir/types.ts";
import { meanResults, meanRows } from "../../src/measure/layer-inputs.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import type { PairedLayer } from "./paired-layers.ts";

export interface LayerMeans {
  /** What each group of the layer reads in the quantized network. */
  readonly rows: readonly Float64Array[];
  /** What each output should give. */
  readonly results: Float64Array;
}

export const layerMeans = (
  { fake }: PairedLayer,
  inputs: readonly Tensor[],
  results: readonly Tensor[],
): LayerMeans => ({ rows: meanRows(fake.unfolding, inputs), results: meanResults(fake, results) });

/** Of a layer that reads the same on average in both networks. */
export function meansOfInput({ fake, real }: PairedLayer, mean: Tensor): LayerMeans {
  const rows = meanRows(fake.unfolding, [mean]);
  const weights = numbersOf(constantOf(real.weight)!);
  const biases = real.bias && numbersOf(constantOf(real.bias)!);
  const results = Float64Array.from({ length: fake.outputs }, (_, o) => {
    const row = rowFor(rows, o, fake.outputs);
    return row.reduce((sum, x, k) => sum + weights[o * row.length + k]! * x, biases?.[o] ?? 0);
  });
  return { rows, results };
}

const rowFor = (rows: readonly Float64Array[], output: number, outputs: number): Float64Array =>
  rows[Math.floor((output * rows.length) / outputs)]!;

export interface QuantizedRows {
  /** outputs × length, row-major. */
  readonly integers: ArrayLike<number>;
  /** One for each output. */
  readonly scales: ArrayLike<number>;
}

/** What the layer's weights are now. */
export function rowsOf({ fake, weight }: PairedLayer): QuantizedRows {
  const scales = Float64Array.from(
    { length: fake.outputs },
    (_, o) => sliceQuantization(weight.quantization, o).scale,
  );
  return { integers: numbersOf(weight.contents), scales };
}

/** mean(y) - Ŵ mean(x̂), in reals. */
export const meanKeepingBias = (
  { integers, scales }: QuantizedRows,
  { rows, results }: LayerMeans,
): Float64Array =>
  results.map((mean, o) => {
    const row = rowFor(rows, o, results.length);
    return row.reduce((left, x, k) => left - scales[o]! * integers[o * row.length + k]! * x, mean);
  });
