/**
 * What a network costs with some of its channels gone, without building it: the multiply-accumulates and the weights of a layer are in
 * proportion to the entries its weight keeps along each axis.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { nameOperands } from "../../src/ir/operation.ts";
import type { TensorType } from "../../src/ir/types.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { elementCount } from "../../src/tensor/tensor.ts";
import { entriesOf, type DependencyGroup } from "./dependency-groups.ts";

export interface Resources {
  readonly macs: number;
  /** Of int8 weights and int32 biases. */
  readonly weightBytes: number;
  /** Of all groups together. */
  readonly channels: number;
}

/** How many channels of each group are gone → what is left. */
export type ResourceModel = (removed: readonly number[]) => Resources;

const biasBytes = 4;

export function resourceModel(graph: Graph, groups: readonly DependencyGroup[]): ResourceModel {
  const constants = graph.values.filter(isConstant).map((value) => shrinking(value, groups));
  const byValue = new Map(constants.map((each) => [each.value, each]));
  const layers = graph.operations.flatMap((operation) => {
    const macs = macsOf(operation);
    const weight = operation.operands
      .map((value) => byValue.get(value))
      .find((each) => each?.isWeight === true);
    return macs === 0 ? [] : [{ macs, shareOf: weight?.shareOf ?? ((): number => 1) }];
  });
  return (removed) => ({
    macs: roundHalfAwayFromZero(layers.reduce((sum, { macs, shareOf }) => sum + macs * shareOf(removed), 0)),
    weightBytes: roundHalfAwayFromZero(
      constants.reduce(
        (sum, { value, shareOf, isWeight }) =>
          sum + elementCount(value.type.shape) * shareOf(removed) * (isWeight ? 1 : biasBytes),
        0,
      ),
    ),
    channels: groups.reduce((sum, { channels }, g) => sum + channels.length - removed[g]!, 0),
  });
}

function shrinking(
  value: Value,
  groups: readonly DependencyGroup[],
): {
  readonly value: Value;
  readonly isWeight: boolean;
  readonly shareOf: (removed: readonly number[]) => number;
} {
  const axes = value.type.shape.flatMap((extent, axis) => {
    const entries = groups.map(({ channels }) => entriesOf(channels[0]!, value, axis).length);
    return entries.some((count) => count > 0) ? [{ extent, entries }] : [];
  });
  return {
    value,
    isWeight: value.type.shape.length > 1,
    shareOf: (removed) =>
      axes.reduce(
        (share, { extent, entries }) =>
          share * (1 - entries.reduce((sum, count, g) => sum + count * removed[g]!, 0) / extent),
        1,
      ),
  };
}

/** Multiply-accumulates of one evaluation, as the report counts them. */
export function macsOf({ definition, operands, attributes, result }: Operation): number {
  const types = nameOperands<TensorType>(
    definition,
    operands.map(({ type }) => type),
  );
  return definition.macs?.(types, attributes, result.type) ?? 0;
}
