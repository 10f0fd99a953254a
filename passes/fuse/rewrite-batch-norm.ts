/**
 * Writes a batch normalization that follows no layer as one: a convolution that gives every channel its own 1x1 filter.
 *
 *     g x + o = conv2d(x, g, o)      g, o per channel, one group a channel; g and o as fold-batch-norm has them
 *
 * The convolution has an integer form, which the normalization lacks; g fits its weight's scale exactly, for it is the only one
 * of its channel. Channels go last and the other axes become pixels, by a reshape where that moves nothing.
 *
 * Runs after fold-batch-norm, which costs nothing at run time where it applies. Declines when statistics are not constant.
 */
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { inPlaceOf, supersede } from "../../src/ir/match.ts";
import { constant } from "../../src/ops/constant.ts";
import { conv2d } from "../../src/ops/conv2d.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementCount, tensor } from "../../src/tensor/tensor.ts";
import { inversePermutation, permuteShape } from "../../src/tensor/transpose.ts";
import { normalizationOf, type Normalization } from "./normalization.ts";

export const rewriteBatchNorm = definePass({
  name: "rewrite-batch-norm",
  summary: "write a batch normalization that follows no layer as a convolution of single pixels and channels",
  options: {},
  run(graph, { count, context }) {
    for (const operation of graph.operations) {
      const effect = normalizationOf(operation);
      if (effect === undefined) continue;
      context.normalized.set(operation.result.name, effect.statistics);
      rewrite(graph, operation, effect);
      count("rewritten");
    }
  },
});

function rewrite(graph: Graph, operation: Operation, { input, axis, gain, offset }: Normalization): void {
  const { shape } = input.type;
  const place = inPlaceOf(operation);
  const { name } = operation.result;
  const channels = shape[axis]!;
  const order = [...shape.keys()].filter((a) => a !== axis).concat(axis);
  const moves = elementCount(shape.slice(axis + 1)) !== 1;
  const last = moves ? permuteShape(shape, order) : shape;
  const isPlane = last.length === 4 && last[3] === channels && (moves || axis === 3);
  const plane = isPlane ? last : [1, 1, elementCount(shape) / Math.max(1, channels), channels];

  let value = moves ? graph.create(transpose, { input }, { permutation: order }, place).result : input;
  if (!isPlane) value = graph.create(reshape, { input: value }, { shape: plane }, place).result;
  const perChannel = (role: string, entry: (channel: number) => number, extents: readonly number[]) => {
    const data = Float32Array.from({ length: channels }, (_, c) => entry(c));
    return graph.create(
      constant,
      {},
      { value: tensor("f32", extents, data) },
      { ...place, name: `${name}_${role}` },
    ).result;
  };
  const weight = perChannel("weight", gain, [channels, 1, 1, 1]);
  const bias = perChannel("bias", offset, [channels]);
  const operands = { input: value, weight, bias };
  value = graph.create(conv2d, operands, { groups: channels }, { ...place, name: `${name}_conv2d` }).result;
  if (!isPlane) value = graph.create(reshape, { input: value }, { shape: last }, place).result;
  if (moves)
    value = graph.create(
      transpose,
      { input: value },
      { permutation: inversePermutation(order) },
      place,
    ).result;
  supersede(graph, operation, value);
}
