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
  /** Noise over signal of what decides the outputs, of the network as it stands: what this step adds, which repair makes good later. */
  readonly loss: number;
  /** The same, and equal answers, of the network before any pruning. */
  readonly unpruned: { readonly ratio: number; readonly agreement: number };
}

type Outputs = readonly (readonly Float64Array[])[];

export class Trials {
  readonly #graph: Graph;
  readonly #measuring: Measuring;
  readonly #samples: readonly (readonly Tensor[])[];
  readonly #standing: Outputs;
  readonly #unpruned: Outputs;

  private constructor(
    graph: Graph,
    measuring: Measuring,
    samples: readonly (readonly Tensor[])[],
    standing: Outputs,
    unpruned: Outputs,
  ) {
    this.#graph = graph;
    this.#measuring = measuring;
    this.#samples = samples;
    this.#standing = standing;
    this.#unpruned = unpruned;
  }

  static async of(graph: Graph, measuring: Measuring, unpruned = graph): Promise<Trials> {
    const macs = graph.operations.reduce((sum, operation) => sum + macsOf(operation), 0);
    const affordable = Math.floor(mostMacs / Math.max(1, macs));
    const count = Math.min(mostSamples, Math.max(fewestSamples, affordable));
    const samples: (readonly Tensor[])[] = [];
    for (const sample of heldOutSamples(measuring.samples)) if (samples.push(sample) === count) break;
    const standing = await outputsOf(graph, measuring, samples);
    const before = unpruned === graph ? standing : await outputsOf(unpruned, measuring, samples);
    return new Trials(graph, measuring, samples, standing, before);
  }

  async measure(pruning: Pruning): Promise<Trial> {
    const pruned = copyGraph(this.#graph);
    applyPruning(pruned, pruning);
    removeUnread(pruned);
    const found = await outputsOf(pruned, this.#measuring, this.#samples);
    return { loss: difference(this.#standing, found).ratio, unpruned: difference(this.#unpruned, found) };
  }
}

function difference(wanted: Outputs, found: Outputs): NoiseRatio {
  const noise = new NoiseRatio();
  found.forEach((values, s) => {
    noise.add(wanted[s]!, values);
  });
  return noise;
}

async function outputsOf(
  graph: Graph,
  { createExecutor }: Measuring,
  samples: readonly (readonly Tensor[])[],
): Promise<Outputs> {
  const names = decidingNames(graph);
  const executor = await createExecutor(graph, new Set(names));
  try {
    return samples.map((sample) => valuesOf(executor, sample, names));
  } finally {
    executor.dispose();
  }
}
