/**
 * Fits the layers of a pruned network to the network it was, layer after layer, by least squares.
 *
 * The layers before it are pruned and fitted already, so that a layer sees inputs z where it saw x. With moments over samples and
 * positions, its weights become
 *
 *     W' = argmin E ‖(W x + b) − (W' z + b')‖² + λ ‖W' − W‖²     on the columns that are not masked
 *
 * and make up for what the layers before it lost, not only for the channels that it lost itself (He, Zhang and Sun, "Channel
 * pruning", section 3.2; the aim at real outputs on the pruned network's inputs is that of algorithms.md 5.4b). A row with masks
 * of its own (single weights) is solved by itself. The samples wait before each layer, side by side, as in `correct-bias`.
 *
 * Withdraws all of it when the outputs on samples held out did not come closer to the unpruned network's. Declines in layers whose
 * inputs are what they were and that lost no weight, in weights that several layers share, and in layers of more columns than the
 * samples have rows.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Executor } from "../../src/exec/executor.ts";
import { float, int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { constantOf, isConstant } from "../../src/ir/match.ts";
import { sameShape } from "../../src/ir/types.ts";
import { decidingNames, NoiseRatio, toDecibels, valuesOf } from "../../src/measure/judge-outputs.ts";
import {
  enoughRows,
  enoughSamples,
  forEachRow,
  newMoments,
  weightedLayerOf,
  type WeightedLayer,
} from "../../src/measure/layer-inputs.ts";
import { fittedSamples, heldOutSamples } from "../../src/measure/split-samples.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { measuringOf, type Measuring } from "./evidence.ts";
import { fitLayer } from "./fit-layer.ts";
import { applyPruning } from "./pruning.ts";

export const reconstruct = definePass({
  name: "reconstruct",
  summary: "fit pruned layers to the unpruned network by least squares",
  options: { samples: int(0), damping: float(0.01) },
  async run(graph, { options, context, count, find }) {
    const measuring = measuringOf(context, "reconstruct");
    const unpruned = context.snapshots.get("unpruned");
    if (unpruned === undefined)
      fail("no-unpruned-graph", "'reconstruct' has no unpruned network to fit to", {
        help: "run prune-channels or prune-weights before it, in the same pipeline",
      });
    const fitted = copyGraph(graph);
    const names = layerNames(graph, unpruned);
    const enough = Math.max(
      usualSamples,
      ...names.map((name) => enoughSamples(layerNamed(graph, name).unfolding)),
    );
    const samples = fittedSamples(measuring.samples, options.samples || enough);
    for (const [done, name] of names.entries()) {
      context.progress?.(done, names.length);
      const pair = { real: layerNamed(unpruned, name), pruned: layerNamed(fitted, name) };
      if (await fit(fitted, unpruned, pair, samples, measuring, options.damping)) count("fitted");
    }
    const [before, after] = await lossesOf(unpruned, [graph, fitted], measuring);
    find({
      summary: after! < before! ? "kept" : "withdrawn, it did not lower the error on samples held out",
      "before dB": toDecibels(before!),
      "after dB": toDecibels(after!),
    });
    if (!(after! < before!)) return;
    const contents = new Map(
      fitted.values.filter(isConstant).map((value) => [value.name, constantOf(value)!]),
    );
    applyPruning(graph, { masks: new Map(), contents: changedOf(graph, contents) });
  },
});

const usualSamples = 256;

interface LayerPair {
  readonly real: WeightedLayer;
  readonly pruned: WeightedLayer;
}

const layerNamed = (graph: Graph, name: string): WeightedLayer =>
  weightedLayerOf(graph.operations.find(({ result }) => result.name === name)!)!;

/** Layers of both graphs, in order of computation. @throws DiagnosticError `no-unpruned-graph` */
function layerNames(graph: Graph, unpruned: Graph): string[] {
  const before = new Map(unpruned.operations.map(({ result }) => [result.name, result.type.shape]));
  return graph.operations.flatMap((operation) => {
    const { result } = operation;
    if (weightedLayerOf(operation) === undefined || !isFree(operation.operands)) return [];
    const shape = before.get(result.name);
    if (shape === undefined || !sameShape(shape, result.type.shape))
      fail("no-unpruned-graph", `%${result.name} has no counterpart of its shape in the unpruned network`, {
        help: "run reconstruct before remove-channels, and both after the passes that change layers",
      });
    return [result.name];
  });
}

/** Constants of its own: what several layers share cannot be fitted to one of them. */
const isFree = (operands: readonly Value[]): boolean =>
  operands.slice(1).every((value) => isConstant(value) && value.users.size === 1);

/** Whether there was anything to fit. */
async function fit(
  fitted: Graph,
  unpruned: Graph,
  { real, pruned }: LayerPair,
  samples: readonly (readonly Tensor[])[],
  measuring: Measuring,
  damping: number,
): Promise<boolean> {
  const cross = newMoments(pruned.unfolding, real.unfolding.length);
  const own = newMoments(pruned.unfolding);
  const seen = [real, pruned].map(({ input }) => input.name) as [string, string];
  const executors = [
    await measuring.createExecutor(unpruned, new Set([seen[0]])),
    await measuring.createExecutor(fitted, new Set([seen[1]])),
  ] as const;
  const limit = enoughRows(pruned.unfolding, samples.length);
  let moved = maskOf(pruned.weight) !== undefined;
  try {
    for (const sample of samples) {
      const [x, z] = executors.map((executor, i) => inputOf(executor, unpruned, sample, seen[i]!)) as [
        Tensor,
        Tensor,
      ];
      moved ||= x.data.some((value: number | bigint, i: number) => value !== z.data[i]);
      const rows: Float64Array[] = [];
      forEachRow(real.unfolding, x, (row) => rows.push(row.slice()), limit);
      let next = 0;
      forEachRow(
        pruned.unfolding,
        z,
        (row, group) => {
          cross[group]!.add(rows[next++]!, row);
          own[group]!.add(row);
        },
        limit,
      );
    }
  } finally {
    for (const executor of executors) executor.dispose();
  }
  if (!moved || own[0]!.count < pruned.unfolding.length) return false;
  const { weight, bias } = fitLayer(real, pruned, cross, own, damping);
  const contents = new Map([[pruned.weight.name, weight]]);
  if (bias !== undefined) contents.set(pruned.bias!.name, bias);
  applyPruning(fitted, { masks: new Map(), contents });
  return true;
}

function inputOf(executor: Executor, { inputs }: Graph, sample: readonly Tensor[], name: string): Tensor {
  const given = inputs.findIndex((input) => input.name === name);
  if (given >= 0) return sample[given]!;
  let found: Tensor | undefined;
  executor.run(sample, (value, tensor) => {
    if (value === name) found = { ...tensor, data: tensor.data.slice() };
  });
  if (found === undefined) throw new Error(`${executor.engine} did not show %${name}`);
  return found;
}

async function lossesOf(
  unpruned: Graph,
  graphs: readonly Graph[],
  { createExecutor, samples }: Measuring,
): Promise<number[]> {
  const executors: Executor[] = [];
  try {
    for (const graph of [unpruned, ...graphs])
      executors.push(await createExecutor(graph, new Set(decidingNames(graph))));
    const noises = graphs.map(() => new NoiseRatio());
    for (const sample of heldOutSamples(samples)) {
      const wanted = valuesOf(executors[0]!, sample, decidingNames(unpruned));
      graphs.forEach((graph, g) => {
        noises[g]!.add(wanted, valuesOf(executors[g + 1]!, sample, decidingNames(graph)));
      });
    }
    return noises.map(({ ratio }) => ratio);
  } finally {
    for (const executor of executors) executor.dispose();
  }
}

/** Constants whose contents differ from the graph's. */
const changedOf = (graph: Graph, contents: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map(
    graph.values.flatMap((value) => {
      const found = contents.get(value.name);
      return found === undefined || found === constantOf(value) ? [] : [[value.name, found]];
    }),
  );
