/** How far the outputs of a network move when channels are removed and the rest is repaired, on samples held out. */
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { decidingNames, NoiseRatio, valuesOf } from "../../src/measure/judge-outputs.ts";
import { heldOutSamples } from "../../src/measure/split-samples.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import type { Measuring } from "./evidence.ts";
import { applyPruning, type Pruning } from "./pruning.ts";
import { removeUnread } from "./remove-unread.ts";
import { macsOf } from "./resources.ts";

const [fewestSamples, mostSamples] = [24, 64];

/** Of one trial: searches try a hundred choices, and those of a large network are to take seconds each. */
const mostMacs = 2 ** 31;

export interface Trial {
  /** Noise over signal of what decides the outputs. */
  readonly loss: number;
  /** Share of the samples whose largest output stays the largest. */
  readonly agreement: number;
}

export class Trials {
  readonly #graph: Graph;
  readonly #measuring: Measuring;
  readonly #samples: readonly (readonly Tensor[])[];
  readonly #wanted: readonly Float64Array[][];

  private constructor(
    graph: Graph,
    measuring: Measuring,
    samples: readonly (readonly Tensor[])[],
    wanted: readonly Float64Array[][],
  ) {
    this.#graph = graph;
    this.#measuring = measuring;
    this.#samples = samples;
    this.#wanted = wanted;
  }

  /** @param wanted the network whose outputs are aimed at */
  static async of(graph: Graph, measuring: Measuring, wanted = graph): Promise<Trials> {
    const macs = graph.operations.reduce((sum, operation) => sum + macsOf(operation), 0);
    const affordable = Math.floor(mostMacs / Math.max(1, macs));
    const count = Math.min(mostSamples, Math.max(fewestSamples, affordable));
    const samples: (readonly Tensor[])[] = [];
    for (const sample of heldOutSamples(measuring.samples)) if (samples.push(sample) === count) break;
    return new Trials(graph, measuring, samples, await outputsOf(wanted, measuring, samples));
  }

  async measure(pruning: Pruning): Promise<Trial> {
    const pruned = copyGraph(this.#graph);
    applyPruning(pruned, pruning);
    removeUnread(pruned);
    const found = await outputsOf(pruned, this.#measuring, this.#samples);
    const noise = new NoiseRatio();
    found.forEach((values, s) => {
      noise.add(this.#wanted[s]!, values);
    });
    return { loss: noise.ratio, agreement: noise.agreement };
  }
}

async function outputsOf(
  graph: Graph,
  { createExecutor }: Measuring,
  samples: readonly (readonly Tensor[])[],
): Promise<Float64Array[][]> {
  const names = decidingNames(graph);
  const executor = await createExecutor(graph, new Set(names));
  try {
    return samples.map((sample) => valuesOf(executor, sample, names));
  } finally {
    executor.dispose();
  }
}
