/** What a layer's inputs are on average, in the real and in the quantized network, and the bias that keeps its real mean. */
import { constantOf } from "../../src/ir/match.ts";
import { sliceQuantization } from "../../src/ir/types.ts";
import { meanRows } from "../../src/measure/layer-inputs.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import type { PairedLayer } from "./paired-layers.ts";
import type { InputPairs } from "./walk-layers.ts";

export interface MeanRows {
  readonly real: Float64Array;
  readonly quantized: Float64Array;
}

/** Of each group of the layer. */
export function meanRowsOf({ fake: { unfolding } }: PairedLayer, samples: InputPairs): readonly MeanRows[] {
  const [real, quantized] = [0, 1].map((side) =>
    meanRows(
      unfolding,
      samples.map((pair) => pair[side]!),
    ),
  );
  return real!.map((row, group) => ({ real: row, quantized: quantized![group]! }));
}

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

/** b + mean(W x) - mean(Ŵ x̂), in reals; undefined where there is no bias. */
export function meanKeepingBias(
  { real: { bias, weight } }: PairedLayer,
  { integers, scales }: QuantizedRows,
  means: readonly MeanRows[],
): Float64Array | undefined {
  const contents = bias && constantOf(bias);
  if (contents === undefined) return undefined;
  const real = numbersOf(constantOf(weight)!);
  const length = integers.length / scales.length;
  return Float64Array.from(numbersOf(contents), (b, o) => {
    const mean = means[Math.floor((o * means.length) / scales.length)]!;
    let moved = b;
    for (let k = 0; k < length; k++) {
      const at = o * length + k;
      moved += real[at]! * mean.real[k]! - scales[o]! * integers[at]! * mean.quantized[k]!;
    }
    return moved;
  });
}
