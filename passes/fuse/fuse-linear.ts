/**
 * Gathers into layers what was written as separate operations.
 *
 *     matmul(x, w)            = linear(x, wᵀ)                w a constant matrix
 *     layer(x) + c, c + …     = the layer with bias + c      c constant, per channel or one number
 *     layer(x) - c            = the layer with bias - c
 *     layer(x) * c, c * …     = the layer with c * weight and c * bias
 *     layer(x) / c            = the layer with weight / c and bias / c
 *
 * computed in doubles and rounded to f32 once.
 *
 * Declines when the layer's result has another reader, and when the constant varies along other axes than the channels' or
 * broadcasts the result.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, matchOperation, supersede } from "../../src/ir/match.ts";
import type { OpDefinition } from "../../src/ir/operation.ts";
import { add } from "../../src/ops/add.ts";
import { constant } from "../../src/ops/constant.ts";
import { div } from "../../src/ops/div.ts";
import { linear } from "../../src/ops/linear.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { mul } from "../../src/ops/mul.ts";
import { sub } from "../../src/ops/sub.ts";
import { definePass } from "../../src/pass/pass.ts";
import { transposeTensor } from "../../src/tensor/transpose.ts";
import { layerOf, perChannel, rescaleLayer } from "./layer.ts";

export const fuseLinear = definePass({
  name: "fuse-linear",
  summary: "turn matrix products into layers and fold constants added or multiplied into their weights",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      if (matmulToLinear(graph, operation)) count("layers");
      else if (absorbConstant(graph, operation)) count("absorbed");
    }
  },
});

function matmulToLinear(graph: Graph, operation: Operation): boolean {
  const product = matchOperation(operation, matmul);
  if (product === undefined) return false;
  const { a: lhs, b: rhs } = product.operands;
  const weight = constantOf(rhs);
  if (weight?.element !== "f32" || weight.shape.length !== 2 || constantOf(lhs) !== undefined) return false;
  if (lhs.type.shape.length < 2) return false;
  const transposed = graph.create(
    constant,
    {},
    { value: transposeTensor(weight, [1, 0]) },
    { before: operation, name: rhs.name, origin: rhs.producer?.origin },
  );
  const layer = graph.create(linear, { input: lhs, weight: transposed.result }, {}, inPlaceOf(operation));
  supersede(graph, operation, layer.result);
  return true;
}

type Effect = (c: number) => { readonly factor: number; readonly offset: number };

/** What an operator with the constant c on its right, or on either side, does to a channel. */
const effects: ReadonlyMap<OpDefinition, { readonly commutes: boolean; readonly effect: Effect }> = new Map<
  OpDefinition,
  { commutes: boolean; effect: Effect }
>([
  [add, { commutes: true, effect: (c) => ({ factor: 1, offset: c }) }],
  [sub, { commutes: false, effect: (c) => ({ factor: 1, offset: -c }) }],
  [mul, { commutes: true, effect: (c) => ({ factor: c, offset: 0 }) }],
  [div, { commutes: false, effect: (c) => ({ factor: 1 / c, offset: 0 }) }],
]);

function absorbConstant(graph: Graph, operation: Operation): boolean {
  const entry = effects.get(operation.definition);
  if (entry === undefined) return false;
  const [lhs, rhs] = operation.operands as [Value, Value];
  const swapped = entry.commutes && constantOf(lhs) !== undefined;
  const [input, other] = swapped ? [rhs, lhs] : [lhs, rhs];
  const layer = layerOf(graph, input);
  if (layer === undefined) return false;
  const values = perChannel(other, layer.channels, input.type.shape.length);
  if (values === undefined || input.type.shape.at(-1) !== layer.channels) return false;
  const effect = (c: number): ReturnType<Effect> => entry.effect(values(c));
  const fused = rescaleLayer(
    graph,
    layer,
    operation,
    (c) => effect(c).factor,
    (c) => effect(c).offset,
  );
  supersede(graph, operation, fused.result);
  return true;
}
