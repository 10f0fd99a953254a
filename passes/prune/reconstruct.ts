/**
 * Fits the layers of a pruned network to the network it was, layer after layer, by least squares.
 *
 * The layers before it are pruned and fitted already, so that a layer sees inputs z that are not what they were. With moments over
 * samples and positions, its weights become
 *
 *     W' = argmin E ‖y − (W' z + b')‖² + λ ‖W' − W‖²     on the columns that are not masked
 *
 * where y is what the layer gave in the unpruned network: it makes up for what the layers before it lost, not only for the channels that
 * it lost itself (He, Zhang and Sun, "Channel pruning", section 3.2; the aim at real outputs on changed inputs is that of algorithms.md 5.4b).
 * A layer at the end of a residual branch makes up for the shortcut too (layer-aims.ts). A row with masks of its
 * own (single weights) is solved by itself. The samples wait before each layer, side by side (waiting-network.ts).
 *
 * Withdraws all of it when the outputs on samples held out did not come closer to the unpruned network's. Declines in layers whose
 * aim nothing pruned has part in, in weights that several layers share, and in layers of more columns than the samples have rows.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { float, int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { constantOf, isConstant } from "../../src/ir/match.ts";
import { sameShape } from "../../src/ir/types.ts";
import { judgeGraphs } from "../../src/measure/judge-outputs.ts";
import { aimOf, wantedResult } from "../../src/measure/layer-aims.ts";
import {
  crossMoments,
  enoughRows,
  enoughSamples,
  meanResults,
  meanRows,
  ownMoments,
  rowReader,
  weightedLayerOf,
  type WeightedLayer,
} from "../../src/measure/layer-inputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { WaitingNetwork } from "../../src/measure/waiting-network.ts";
import { contentsOf, maskOf } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { measuringOf } from "./evidence.ts";
import { fitLayer, keptColumns } from "./fit-layer.ts";
import { applyPruning } from "./pruning.ts";
import { requireReal } from "./require-real.ts";

export const reconstruct = definePass({
  name: "reconstruct",
  summary: "fit pruned layers to the unpruned network by least squares",
  options: { samples: int(0), damping: float(0.01) },
  async run(graph, { options, context, count, find }) {
    requireReal(graph, "reconstruct");
    const measuring = measuringOf(context, "reconstruct");
    const unpruned = context.snapshots.get("unpruned");
    if (unpruned === undefined)
      fail("no-unpruned-graph", "'reconstruct' has no unpruned network to fit to", {
        help: "run prune-channels or prune-weights before it, in the same pipeline",
      });
    const fitted = copyGraph(graph);
    const names = layersToFit(fitted, unpruned);
    const enough = Math.max(
      usualSamples,
      ...names.map((name) => enoughSamples(layerNamed(fitted, name).unfolding)),
    );
    const samples = fittedSamples(measuring.samples, options.samples || enough);
    const now = new WaitingNetwork(fitted, samples, measuring.createExecutor);
    const aims = new WaitingNetwork(unpruned, samples, measuring.createExecutor);
    for (const [done, name] of names.entries()) {
      context.progress?.(done, names.length);
      const layer = layerNamed(fitted, name);
      const { target, shortcut, bounds } = aimOf(fitted, layer.operation);
      const inputs = await now.advance(layer.input);
      const shortcuts = shortcut && (await now.advance(shortcut));
      const results = await aims.advance(valueNamed(unpruned, name));
      const targets = shortcut && (await aims.advance(valueNamed(unpruned, target.name)));
      const wanted = results.map((result, s) => {
        const sum = targets && { target: targets[s]!, shortcut: shortcuts![s]! };
        return wantedResult({ result, sum }, bounds);
      });
      if (fit(fitted, layer, inputs, wanted, options.damping)) count("fitted");
    }
    const [before, after] = await judgeGraphs(
      unpruned,
      [graph, fitted],
      measuring.samples,
      measuring.createExecutor,
    );
    const better = after!.ratio < before!.ratio;
    find({
      summary: better ? "kept" : "withdrawn, it did not lower the error on samples held out",
      "before dB": before!.decibels,
      "after dB": after!.decibels,
      "held out dB": (better ? after! : before!).decibels,
      agreement: (better ? after! : before!).agreement,
    });
    if (!better) return;
    const contents = new Map(
      fitted.values.filter(isConstant).map((value) => [value.name, constantOf(value)!]),
    );
    applyPruning(graph, { masks: new Map(), contents: changedOf(graph, contents) });
  },
});

const usualSamples = 256;

/** Products in one layer's moments: a few seconds. What is fitted here is what is kept. */
const manyProducts = 2 ** 31;

const valueNamed = (graph: Graph, name: string): Value => graph.values.find((value) => value.name === name)!;

const layerNamed = (graph: Graph, name: string): WeightedLayer =>
  weightedLayerOf(valueNamed(graph, name).producer!)!;

/**
 * Layers of both graphs whose aims have moved, in order of computation.
 * @throws DiagnosticError `no-unpruned-graph`
 */
function layersToFit(graph: Graph, unpruned: Graph): string[] {
  const before = new Map(unpruned.values.map((value) => [value.name, value]));
  const moved = new Set<Value>();
  for (const { operands, result } of graph.operations)
    if (operands.some((operand) => moved.has(operand)) || isChanged(result, before.get(result.name)))
      moved.add(result);
  return graph.operations.flatMap((operation) => {
    const { operands, result } = operation;
    if (weightedLayerOf(operation) === undefined || !isFree(operands)) return [];
    const shape = before.get(result.name)?.type.shape;
    if (shape === undefined || !sameShape(shape, result.type.shape))
      fail("no-unpruned-graph", `%${result.name} has no counterpart of its shape in the unpruned network`, {
        help: "run reconstruct before remove-channels, and both after the passes that change layers",
      });
    return moved.has(aimOf(graph, operation).target) ? [result.name] : [];
  });
}

const isChanged = (value: Value, before: Value | undefined): boolean =>
  isConstant(value) &&
  before !== undefined &&
  (contentsOf(value) !== contentsOf(before) || maskOf(value) !== maskOf(before));

/** Constants of its own: what several layers share cannot be fitted to one of them. */
const isFree = (operands: readonly Value[]): boolean =>
  operands.slice(1).every((value) => isConstant(value) && value.users.size === 1);

/** Whether there were rows enough. */
function fit(
  graph: Graph,
  layer: WeightedLayer,
  inputs: readonly Tensor[],
  wanted: readonly Tensor[],
  damping: number,
): boolean {
  const { unfolding, outputs } = layer;
  const perGroup = outputs / unfolding.groups;
  const columns = keptColumns(layer);
  const seen = { ...unfolding, length: columns.length };
  const [own, cross] = [ownMoments(seen), crossMoments(seen, perGroup)];
  const read = rowReader(unfolding, enoughRows(seen, inputs.length, manyProducts));
  const kept = new Float64Array(columns.length);
  inputs.forEach((input, s) => {
    const results = numbersOf(wanted[s]!);
    read([input], ([row], group, place) => {
      columns.forEach((k, j) => (kept[j] = row![k]!));
      own[group]!.add(kept);
      const first = place * outputs + group * perGroup;
      cross[group]!.add(results.slice(first, first + perGroup), kept);
    });
  });
  if (own[0]!.count < columns.length) return false;
  const means = { meanRows: meanRows(unfolding, inputs), meanResults: meanResults(layer, wanted) };
  const { weight, bias } = fitLayer(layer, { columns, wanted: cross, own, ...means }, damping);
  const contents = new Map([[layer.weight.name, weight]]);
  if (bias !== undefined) contents.set(layer.bias!.name, bias);
  applyPruning(graph, { masks: new Map(), contents });
  return true;
}

/** Constants whose contents differ from the graph's. */
const changedOf = (graph: Graph, contents: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map(
    graph.values.flatMap((value) => {
      const found = contents.get(value.name);
      return found === undefined || found === constantOf(value) ? [] : [[value.name, found]];
    }),
  );
