/** A choice of channels as what it does to a graph's constants: masks, and repaired weights of those that read the channels. */
import type { Graph, Value } from "../../src/ir/graph.ts";
import { inPlaceOf, supersede } from "../../src/ir/match.ts";
import { constant, maskedBy } from "../../src/ops/constant.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { consumersOf, type Consumer } from "./consumer-columns.ts";
import type { MomentsByLayer } from "./evidence.ts";
import { channelMasks, type ChosenChannels } from "./mask-channels.ts";
import { repairLayer, type ChannelColumns, type RepairMethod } from "./repair.ts";

/** By name of the constant. */
export interface Pruning {
  readonly masks: ReadonlyMap<string, Tensor>;
  readonly contents: ReadonlyMap<string, Tensor>;
}

export function planPruning(chosen: ChosenChannels, moments: MomentsByLayer, method: RepairMethod): Pruning {
  const masks = new Map([...channelMasks(chosen)].map(([{ name }, mask]) => [name, mask]));
  const contents = new Map<string, Tensor>();
  const readers = new Map<
    Consumer["layer"]["operation"],
    { layer: Consumer["layer"]; columns: ChannelColumns[] }
  >();
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
  for (const { layer, columns } of readers.values()) {
    const own = moments.get(layer.operation);
    const repaired = own && repairLayer(layer, own, columns, method);
    if (repaired === undefined) continue;
    contents.set(layer.weight.name, repaired.weight);
    if (repaired.bias !== undefined) contents.set(layer.bias!.name, repaired.bias);
  }
  return { masks, contents };
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
