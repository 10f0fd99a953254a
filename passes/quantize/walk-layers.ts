/**
 * Leads samples through the real network and the quantized one side by side, layer by layer: what changes a layer sees the inputs that
 * the changed layers before it give, whatever the depth, and every operation is computed once a sample.
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { WaitingNetwork } from "../../src/measure/waiting-network.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { pairLayers, type PairedLayer } from "./paired-layers.ts";

/** What one sample says of a layer. */
export interface LayerSample {
  /** What the layer reads in the quantized network. */
  readonly input: Tensor;
  /** What it gives in the real one. */
  readonly result: Tensor;
  /** What that makes with a shortcut in the real network, and the shortcut in the quantized one. */
  readonly sum: { readonly real: Tensor; readonly shortcut: Tensor } | undefined;
}

/**
 * @param wants layers for which it stops
 * @param change may change the layer's constants in `graph`, and nothing before it
 */
export async function walkLayers(
  graph: Graph,
  real: Graph,
  samples: readonly (readonly Tensor[])[],
  createExecutor: ExecutorFactory,
  wants: (layer: PairedLayer) => boolean,
  change: (layer: PairedLayer, samples: readonly LayerSample[]) => void,
): Promise<void> {
  const quantized = new WaitingNetwork(graph, samples, createExecutor, foldDequantized);
  const reals = new WaitingNetwork(real, samples, createExecutor);
  for (const layer of pairLayers(graph, real).filter(wants)) {
    const { target, shortcut } = layer.aim;
    const inputs = await quantized.advance(layer.fake.input);
    const shortcuts = shortcut && (await quantized.advance(shortcut));
    const results = await reals.advance(layer.real.operation.result);
    const sums = shortcuts && (await reals.advance(target));
    const samplesOfLayer = inputs.map((input, s): LayerSample => {
      const sum = sums && { real: sums[s]!, shortcut: shortcuts![s]! };
      return { input, result: results[s]!, sum };
    });
    change(layer, samplesOfLayer);
  }
}

/**
 * What the layer is to give by itself so that the sum with the shortcut, as it is now, becomes the real one. Where a clamp cuts the real
 * sum, any result that leaves it cut will do: the nearest to the real result.
 */
export function wantedResult({ bounds }: PairedLayer, { result, sum }: LayerSample): Tensor {
  if (sum === undefined) return result;
  const [sums, shortcuts, { low, high }] = [numbersOf(sum.real), numbersOf(sum.shortcut), bounds];
  const wanted = Float64Array.from(numbersOf(result), (y, i) => {
    const [s, rest] = [sums[i]!, shortcuts[i]!];
    if (s <= low) return Math.min(y, low - rest);
    return s >= high ? Math.max(y, high - rest) : s - rest;
  });
  return tensor("f64", result.shape, wanted);
}
