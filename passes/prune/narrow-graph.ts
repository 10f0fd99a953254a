/** Removes channels (dependency-groups.ts) from a graph: whole ones, so that every operation does on what is left what it did there before. */
import type { Graph, Value } from "../../src/ir/graph.ts";
import type { Kept } from "../../src/ir/operation.ts";
import { takeEntries, wholeOf } from "../../src/ops/take-entries.ts";
import type { Channel } from "./dependency-groups.ts";

export const removeEntries = (graph: Graph, channels: readonly Channel[]): void => {
  takeEntries(graph, keptOf(channels));
};

function keptOf(channels: readonly Channel[]): Map<Value, Kept> {
  const removed = new Map<Value, Set<number>[]>();
  for (const { slices } of channels)
    for (const { value, axis, entries } of slices) {
      const sets = removed.get(value) ?? value.type.shape.map(() => new Set<number>());
      removed.set(value, sets);
      entries.forEach((entry) => sets[axis]!.add(entry));
    }
  return new Map(
    [...removed].map(([value, sets]) => [
      value,
      wholeOf(value).map(({ extent, indices }, axis) => ({
        extent,
        indices: indices.filter((index) => !sets[axis]!.has(index)),
      })),
    ]),
  );
}
