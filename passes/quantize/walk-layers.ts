/**
 * Leads samples through the real network and the quantized one side by side, layer by layer: what changes a layer sees the inputs that
 * the changed layers before it give, whatever the depth, and every operation is computed once a sample.
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { WaitingNetwork } from "../../src/measure/waiting-network.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { pairLayers, type PairedLayer } from "./paired-layers.ts";

/** What one sample says of a layer. */
export interface LayerSample {
  /** What the layer reads in the quantized network. */
  readonly input: Tensor;
  /** What the real network has where the layer aims at (layer-aims.ts). */
  readonly target: Tensor;
  /** What the quantized network adds to the layer's result. */
  readonly shortcut: Tensor | undefined;
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
    const targets = await reals.advance(target);
    change(
      layer,
      inputs.map((input, s) => ({ input, target: targets[s]!, shortcut: shortcuts?.[s] })),
    );
  }
}
