/**
 * Neighbouring layers whose channels a pass may rescale or shift without changing what the real network computes: the result of the first
 * goes, through nothing but what the pass allows between, to the second alone.
 *
 * Declines where a value between the layers has another reader or is an output, and where weights or biases are no constants.
 */
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { constantOf, onlyUser } from "../../src/ir/match.ts";
import { weightedLayerOf, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { replaceReal } from "./replace-constant.ts";

/** Weights and bias of a layer, to be changed; layers of several pairs are one. */
export interface OpenLayer {
  readonly layer: WeightedLayer;
  readonly weights: Float64Array;
  readonly bias: Float64Array | undefined;
}

export interface OpenPair {
  readonly first: OpenLayer;
  readonly second: OpenLayer;
  readonly between: readonly Operation[];
  /** Places of the first layer's weights that give each channel, of the second's that read it. */
  readonly rows: readonly (readonly number[])[];
  readonly columns: readonly (readonly number[])[];
}

export interface OpenPairs {
  readonly pairs: readonly OpenPair[];
  /** Puts what the layers hold now into the graph. */
  readonly close: () => void;
}

export function openPairs(graph: Graph, mayLieBetween: (operation: Operation) => boolean): OpenPairs {
  const opened = new Map<Operation, OpenLayer>();
  const open = (layer: WeightedLayer): OpenLayer => {
    const known = opened.get(layer.operation);
    if (known !== undefined) return known;
    const bias = layer.bias && Float64Array.from(numbersOf(constantOf(layer.bias)!));
    const made = { layer, weights: Float64Array.from(numbersOf(constantOf(layer.weight)!)), bias };
    opened.set(layer.operation, made);
    return made;
  };
  const pairs = graph.operations.flatMap((operation): OpenPair[] => {
    const first = constantLayer(operation);
    const between: Operation[] = [];
    let next = first && onlyUser(graph, operation.result);
    while (next !== undefined && mayLieBetween(next)) {
      between.push(next);
      next = onlyUser(graph, next.result);
    }
    const second = next && constantLayer(next);
    if (first === undefined || second === undefined || second.weight === second.input) return [];
    // A reshape between them would move channels; there is none, but the layers must agree on what a channel is.
    if (second.input.type.shape.at(-1) !== first.outputs) return [];
    return [
      {
        first: open(first),
        second: open(second),
        between,
        rows: rowsOf(first),
        columns: columnsOf(second),
      },
    ];
  });
  return {
    pairs,
    close: () => {
      for (const { layer, weights, bias } of opened.values()) {
        replaceReal(graph, layer.operation, layer.weight, weights);
        if (layer.bias !== undefined) replaceReal(graph, layer.operation, layer.bias, bias!);
      }
    },
  };
}

/** A layer of real, constant weights. */
export function constantLayer(operation: Operation): WeightedLayer | undefined {
  const layer = weightedLayerOf(operation);
  if (layer === undefined || constantOf(layer.weight)?.element !== "f32") return undefined;
  return layer.bias === undefined || constantOf(layer.bias) !== undefined ? layer : undefined;
}

/** f(t y) = t f(y) for t > 0: relu. */
export function isHomogeneous({ definition, attributes }: Operation): boolean {
  const form = definition.integer;
  if (form?.kind !== "clamp") return false;
  const { low, high } = form.bounds(attributes);
  return high === Infinity && (low === 0 || low === -Infinity);
}

/** Divides a channel by t where it is made and multiplies it where it is read. */
export function rescaleChannel({ first, second, rows, columns }: OpenPair, channel: number, t: number): void {
  for (const at of rows[channel]!) first.weights[at]! /= t;
  if (first.bias !== undefined) first.bias[channel]! /= t;
  for (const at of columns[channel]!) second.weights[at]! *= t;
}

/** The largest weight at these places. */
export const reach = (weights: Float64Array, places: readonly number[]): number =>
  places.reduce((most, at) => Math.max(most, Math.abs(weights[at]!)), 0);

const rowsOf = ({ outputs, unfolding: { length } }: WeightedLayer): number[][] =>
  Array.from({ length: outputs }, (_, o) => Array.from({ length }, (__, k) => o * length + k));

/** Known from where rows come from, whatever the operator. */
function columnsOf({ input, outputs, unfolding }: WeightedLayer): number[][] {
  const channels = input.type.shape.at(-1)!;
  const { groups, length, rows, positions } = unfolding;
  const columns = Array.from({ length: channels }, (): number[] => []);
  for (let group = 0; group < groups; group++) {
    const sources = new Int32Array(length).fill(-1);
    // A place at the border misses some of its inputs.
    for (let row = 0; row < rows && sources.includes(-1); row++)
      positions(row, group).forEach((position, k) => {
        if (position >= 0) sources[k] = position % channels;
      });
    for (let o = (group * outputs) / groups; o < ((group + 1) * outputs) / groups; o++)
      sources.forEach((channel, k) => {
        if (channel >= 0) columns[channel]!.push(o * length + k);
      });
  }
  return columns;
}
