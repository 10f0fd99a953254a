/** A choice of channels as what it does to a graph's constants: masks, and repaired weights of those that read the channels. */
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { inPlaceOf, supersede } from "../../src/ir/match.ts";
import type { WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { constant, maskedBy } from "../../src/ops/constant.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { consumersOf } from "./consumer-columns.ts";
import type { MomentsByLayer } from "./evidence.ts";
import { channelMasks, type ChosenChannels } from "./mask-channels.ts";
import { repairLayer, type ChannelColumns, type RepairedLayer, type RepairMethod } from "./repair.ts";

/** By name of the constant. */
export interface Pruning {
  readonly masks: ReadonlyMap<string, Tensor>;
  readonly contents: ReadonlyMap<string, Tensor>;
}

/**
 * Plans prunings of one network. Searches come back to the same choice for most layers again and again, and fitting is what they
 * take their time for: the last few repairs of each layer are remembered.
 */
export class PruningPlanner {
  readonly #moments: MomentsByLayer;
  readonly #method: RepairMethod;
  readonly #repaired = new Map<Operation, Map<string, RepairedLayer | undefined>>();

  constructor(moments: MomentsByLayer, method: RepairMethod) {
    this.#moments = moments;
    this.#method = method;
  }

  plan(chosen: ChosenChannels): Pruning {
    const masks = new Map([...channelMasks(chosen)].map(([{ name }, mask]) => [name, mask]));
    const contents = new Map<string, Tensor>();
    for (const { layer, columns } of readersOf(chosen)) {
      const repaired = this.#repair(layer, columns);
      if (repaired === undefined) continue;
      contents.set(layer.weight.name, repaired.weight);
      if (repaired.bias !== undefined) contents.set(layer.bias!.name, repaired.bias);
    }
    return { masks, contents };
  }

  #repair(layer: WeightedLayer, columns: readonly ChannelColumns[]): RepairedLayer | undefined {
    const moments = this.#moments.get(layer.operation);
    if (moments === undefined) return undefined;
    const known = this.#repaired.get(layer.operation) ?? new Map<string, RepairedLayer | undefined>();
    this.#repaired.set(layer.operation, known);
    const key = columns.map(({ removed }) => removed.flat().join()).join(";");
    const repaired = known.has(key) ? known.get(key) : repairLayer(layer, moments, columns, this.#method);
    known.delete(key);
    known.set(key, repaired);
    if (known.size > remembered) known.delete(known.keys().next().value!);
    return repaired;
  }
}

const remembered = 8;

/** Layers that read removed channels, with what becomes of their columns. */
function readersOf(chosen: ChosenChannels): Iterable<{ layer: WeightedLayer; columns: ChannelColumns[] }> {
  const readers = new Map<Operation, { layer: WeightedLayer; columns: ChannelColumns[] }>();
  for (const { group, channels } of chosen) {
    if (channels.length === 0) continue;
    const removed = new Set(channels);
    for (const consumer of consumersOf(group)) {
      const { layer } = consumer;
      const reader = readers.get(layer.operation) ?? { layer, columns: [] };
      readers.set(layer.operation, reader);
      const columns = group.channels.map((channel) => consumer.columnsOf(channel));
      reader.columns.push({
        removed: columns.filter((_, channel) => removed.has(channel)),
        kept: columns.filter((_, channel) => !removed.has(channel)),
      });
    }
  }
  return readers.values();
}

/** Keeps what later passes fit to (reconstruct.ts): the network before the first pruning of a pipeline. */
export function rememberUnpruned(graph: Graph, { snapshots }: PassContext): Graph {
  const unpruned = snapshots.get("unpruned") ?? copyGraph(graph);
  snapshots.set("unpruned", unpruned);
  return unpruned;
}

/** The graph, or a copy of it. Masked weights keep their old contents behind the mask. */
export function applyPruning(graph: Graph, { masks, contents }: Pruning): void {
  for (const value of graph.values) {
    const [mask, repaired] = [masks.get(value.name), contents.get(value.name)];
    if (mask !== undefined || repaired !== undefined) replaceConstant(graph, value, mask, repaired);
  }
}

function replaceConstant(
  graph: Graph,
  { producer, type }: Value,
  mask: Tensor | undefined,
  repaired: Tensor | undefined,
): void {
  const { value, mask: before } = producer!.attributes as { readonly value: Tensor; readonly mask: Tensor };
  const shown = mask ?? before;
  const merged = repaired === undefined ? value : behindMask(repaired, value, shown);
  const options = { ...inPlaceOf(producer!), type };
  supersede(graph, producer!, graph.create(constant, {}, maskedBy(merged, shown), options).result);
}

/** What is shown of `repaired`, and of `old` where the mask hides it. */
function behindMask(repaired: Tensor, old: Tensor, mask: Tensor): Tensor {
  if (mask.data.length !== old.data.length) return repaired;
  const data = Float32Array.from(repaired.data as Float32Array, (x, i) =>
    mask.data[i] === 1 ? x : Number(old.data[i]),
  );
  return { ...repaired, data };
}
