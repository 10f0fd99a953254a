/**
 * Leads samples through the real network and the quantized one side by side, layer by layer: what changes a layer sees the inputs that
 * the changed layers before it give, whatever the depth, and every operation is computed once a sample.
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { AimSample } from "../../src/measure/layer-aims.ts";
import { WaitingNetwork } from "../../src/measure/waiting-network.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { pairLayers, type PairedLayer } from "./paired-layers.ts";

/** What one sample says of a layer, with the real network for its aim. */
export interface LayerSample extends AimSample {
  /** What the layer reads in the quantized network. */
  readonly input: Tensor;
}

export interface Stops {
  /** Layers for which it stops. */
  readonly wants: (layer: PairedLayer) => boolean;
  /** Whether what comes of results in sums is asked too: those of all samples wait for it. */
  readonly sums: boolean;
}

/** @param change may change the layer's constants in `graph`, and nothing before it */
export async function walkLayers(
  graph: Graph,
  real: Graph,
  samples: readonly (readonly Tensor[])[],
  createExecutor: ExecutorFactory,
  { wants, sums }: Stops,
  change: (layer: PairedLayer, samples: readonly LayerSample[]) => void,
): Promise<void> {
  const quantized = new WaitingNetwork(graph, samples, createExecutor, foldDequantized);
  const reals = new WaitingNetwork(real, samples, createExecutor);
  for (const layer of pairLayers(graph, real).filter(wants)) {
    const { target, shortcut } = sums ? layer.aim : { target: layer.aim.target };
    const inputs = await quantized.advance(layer.fake.input);
    const shortcuts = shortcut && (await quantized.advance(shortcut));
    const results = await reals.advance(layer.real.operation.result);
    const targets = shortcut && (await reals.advance(target));
    change(
      layer,
      inputs.map((input, s) => {
        const sum = targets && { target: targets[s]!, shortcut: shortcuts![s]! };
        return { input, result: results[s]!, sum };
      }),
    );
  }
}
