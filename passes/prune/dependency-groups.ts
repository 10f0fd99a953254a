/**
 * Channels of a graph, and which can be removed. What must go together (unite-entries.ts) is a *channel*; channels that lie in the same places of the same tensors, and so may be chosen
 * among each other, are a *dependency group*: all outputs of a convolution, say, with the weights of those that read it, or the
 * outputs of all convolutions that meet in residual sums.
 *
 * Entries of the graph's inputs and outputs, of frozen axes and of frozen couplings keep their channels. Names and order follow
 * the graph. Real graphs only.
 */
import { tensorReferences } from "../../src/exec/express-operation.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { axisKey } from "./entries.ts";
import { uniteEntries, type ConstantAxis } from "./unite-entries.ts";

export type { ConstantAxis };

/** Entries of one axis. */
export interface Slice {
  readonly value: Value;
  readonly axis: number;
  /** Ascending. */
  readonly entries: readonly number[];
}

export interface Channel {
  readonly slices: readonly Slice[];
}

export interface DependencyGroup {
  /** What a user knows it by: the node, or the value, of its first layer. */
  readonly name: string;
  readonly channels: readonly Channel[];
  /** Weights that make the channels, and what is added or multiplied to them: biases, normalizations. */
  readonly producers: readonly ConstantAxis[];
  /** Weights that the channels are summed with. */
  readonly consumers: readonly ConstantAxis[];
  /** Computed tensors that have the channels along an axis. */
  readonly activations: readonly { readonly value: Value; readonly axis: number }[];
}

export const entriesOf = ({ slices }: Channel, value: Value, axis: number): readonly number[] =>
  slices.find((slice) => slice.value === value && slice.axis === axis)?.entries ?? [];

export function dependencyGroups(graph: Graph): DependencyGroup[] {
  const referenceOf = tensorReferences();
  const { entries, uses } = uniteEntries(graph, referenceOf);

  const valueOf = new Map(graph.values.map((value) => [referenceOf(value), value]));
  const groups = new Map<string, { channels: Channel[]; axes: ReadonlySet<string> }>();
  for (const { members, signature, axes } of entries.channels()) {
    const slices = members.flatMap(({ tensor, axis, entries: list }): Slice[] => {
      const value = valueOf.get(tensor);
      return value === undefined ? [] : [{ value, axis, entries: list }];
    });
    const group = groups.get(signature) ?? { channels: [], axes };
    groups.set(signature, group);
    group.channels.push({ slices });
  }
  const position = new Map(graph.operations.map((operation, i) => [operation, i]));
  return [...groups.values()]
    .flatMap(({ channels, axes }): DependencyGroup[] => {
      const mine = (contracted: boolean): ConstantAxis[] =>
        uses
          .filter(
            (use) =>
              use.contracted === contracted &&
              axes.has(axisKey(entries.numberOf(referenceOf(use.axis.value)), use.axis.axis)),
          )
          .map(({ axis }) => axis);
      const [producers, consumers] = [mine(false), mine(true)];
      const made = producers.find(({ value }) => value.type.shape.length > 1);
      if (made === undefined || consumers.length === 0) return [];
      const activations = channels[0]!.slices.filter(({ value }) => !isConstant(value));
      const { origin, result } = made.operation;
      return [{ name: origin ?? result.name, channels, producers, consumers, activations }];
    })
    .toSorted((a, b) => firstPosition(a, position) - firstPosition(b, position));
}

const firstPosition = ({ producers }: DependencyGroup, position: ReadonlyMap<Operation, number>): number =>
  Math.min(...producers.map(({ operation }) => position.get(operation)!));
