/** Weighted layers that sum over channels, and which columns of their rows (ir/unfolding.ts) each channel is. */
import type { Operation } from "../../src/ir/graph.ts";
import { weightedLayerOf, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { elementCount } from "../../src/tensor/tensor.ts";
import { entriesOf, type Channel, type ConstantAxis, type DependencyGroup } from "./dependency-groups.ts";

export interface Consumer {
  readonly layer: WeightedLayer;
  readonly axis: ConstantAxis;
  /** In the row of each of the layer's groups, ascending. */
  columnsOf(channel: Channel): readonly number[];
}

/** Consumers that are layers with constant weights along axis 0: all of those that a network of layers has. */
export function consumersOf(group: DependencyGroup): Consumer[] {
  return group.consumers.flatMap((axis): Consumer[] => {
    const layer = weightedLayerOf(axis.operation);
    if (layer?.weight !== axis.value || axis.axis === 0) return [];
    return [{ layer, axis, columnsOf: (channel) => columnsOf(axis, channel) }];
  });
}

/** The layers that sum over any channel, in order of computation. */
export function consumerLayers(groups: readonly DependencyGroup[]): Map<Operation, WeightedLayer> {
  const layers = groups.flatMap(consumersOf).map(({ layer }) => layer);
  return new Map(layers.map((layer) => [layer.operation, layer]));
}

function columnsOf({ value, axis }: ConstantAxis, channel: Channel): number[] {
  const row = value.type.shape.slice(1);
  const stride = elementCount(row.slice(axis));
  const period = stride * row[axis - 1]!;
  const columns: number[] = [];
  for (let start = 0; start < elementCount(row); start += period)
    for (const entry of entriesOf(channel, value, axis))
      for (let i = 0; i < stride; i++) columns.push(start + entry * stride + i);
  return columns.sort((a, b) => a - b);
}
