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

/** A layer's input in the real network and in the quantized one, sample by sample. */
export type InputPairs = readonly (readonly [real: Tensor, quantized: Tensor])[];

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
  change: (layer: PairedLayer, inputs: InputPairs) => void,
): Promise<void> {
  const quantized = new WaitingNetwork(graph, samples, createExecutor, foldDequantized);
  const reals = new WaitingNetwork(real, samples, createExecutor);
  for (const layer of pairLayers(graph, real).filter(wants)) {
    const [x, found] = [await reals.advance(layer.real.input), await quantized.advance(layer.fake.input)];
    change(
      layer,
      x.map((tensors, i) => [tensors, found[i]!]),
    );
  }
}
