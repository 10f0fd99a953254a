/**
 * Channels as masks of weights: the slices that make them and the slices that read them (ops/constant.ts keeps what was there).
 *
 * Zeros in what reads a channel already take it out of the network, whatever activation or normalization stands between; zeros in what
 * makes it say so to whoever looks at one layer alone. Factors and statistics of normalizations stay as they are.
 */
import type { Value } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { maskOf } from "../../src/ops/constant.ts";
import { stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { entriesOf, type Channel, type ConstantAxis, type DependencyGroup } from "./dependency-groups.ts";

/** Weights and biases of layers, which masks are put on. */
export const maskable = ({ producers, consumers }: DependencyGroup): readonly ConstantAxis[] => [
  ...producers.filter(({ operation }) => operation.definition.integer?.kind === "accumulator"),
  ...consumers,
];

/** By name of the group, the channels to mask. */
export type ChosenChannels = readonly {
  readonly group: DependencyGroup;
  readonly channels: readonly number[];
}[];

/** What is kept of each constant that loses any, masks it has included. */
export function channelMasks(chosen: ChosenChannels): Map<Value, Tensor> {
  const masks = new Map<Value, Tensor>();
  for (const { group, channels } of chosen)
    for (const { value, axis } of maskable(group))
      for (const channel of channels) {
        const mask = masks.get(value) ?? copyOfMask(value);
        masks.set(value, mask);
        clear(mask, axis, entriesOf(group.channels[channel]!, value, axis));
      }
  return masks;
}

/** Whether nothing that reads the channel has a weight other than zero for it: removing it changes no bit of a result. */
export function isUnread({ consumers }: DependencyGroup, channel: Channel): boolean {
  return consumers.every(({ value, axis }) => {
    const weights = constantOf(value)!;
    return entriesOf(channel, value, axis).every((entry) =>
      everyOf(weights, axis, entry, (position) => Number(weights.data[position]) === 0),
    );
  });
}

/** How many channels earlier rounds have taken. */
export const unreadCount = (group: DependencyGroup): number =>
  group.channels.filter((channel) => isUnread(group, channel)).length;

const copyOfMask = (value: Value): Tensor => {
  const mask = maskOf(value);
  const { shape } = value.type;
  const kept = mask?.data ?? new Uint8Array(shape.reduce((product, extent) => product * extent, 1)).fill(1);
  return tensor("bool", shape, Uint8Array.from(kept as Uint8Array));
};

function clear(mask: Tensor, axis: number, entries: readonly number[]): void {
  const kept = mask.data as Uint8Array;
  for (const entry of entries)
    everyOf(mask, axis, entry, (position) => {
      kept[position] = 0;
      return true;
    });
}

/** Visits the positions of one entry along an axis while `holds` does. */
function everyOf(
  { shape }: Pick<Tensor, "shape">,
  axis: number,
  entry: number,
  holds: (position: number) => boolean,
): boolean {
  const stride = stridesOf(shape)[axis]!;
  const period = stride * shape[axis]!;
  const total = shape.reduce((product, extent) => product * extent, 1);
  for (let start = entry * stride; start < total; start += period)
    for (let i = 0; i < stride; i++) if (!holds(start + i)) return false;
  return true;
}
