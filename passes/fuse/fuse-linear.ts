/**
 * Gathers into layers what was written as separate operations.
 *
 *     matmul(x, w)            = linear(x, wᵀ)                w a constant matrix, real or stored
 *     layer(x) + c, c + …     = the layer with bias + c      c constant, per channel or one number
 *                               of stored weights only if it has no bias, and per channel: then c is the bias as it is
 *     layer(x) - c            = the layer with bias - c
 *     layer(x) * c, c * …     = the layer with c * weight and c * bias
 *
 * computed in doubles and rounded to f32 once.
 *
 * Declines when the layer's result has another reader, and when the constant varies along other axes than the channels' or
 * broadcasts the result.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, matchOperation, onlyUser, supersede } from "../../src/ir/match.ts";
import type { OpDefinition } from "../../src/ir/operation.ts";
import { add } from "../../src/ops/add.ts";
import { constantOperandOf, moveConstantOperand } from "../../src/ops/constant-operand.ts";
import { conv2d } from "../../src/ops/conv2d.ts";
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
      else if (absorbConstant(graph, operation) || attachBias(graph, operation)) count("absorbed");
    }
  },
});

function matmulToLinear(graph: Graph, operation: Operation): boolean {
  const product = matchOperation(operation, matmul);
  if (product === undefined) return false;
  const { a: lhs, b: rhs } = product.operands;
  const weight = constantOperandOf(rhs);
  if (weight?.contents.shape.length !== 2 || constantOperandOf(lhs) !== undefined) return false;
  if (lhs.type.shape.length < 2) return false;
  const transposed = moveConstantOperand(
    graph,
    rhs,
    (contents) => transposeTensor(contents, [1, 0]),
    { before: operation, name: rhs.name, origin: rhs.producer?.origin },
    (quantization) =>
      quantization.axis === undefined ? quantization : { ...quantization, axis: 1 - quantization.axis },
  );
  const layer = graph.create(linear, { input: lhs, weight: transposed }, {}, inPlaceOf(operation));
  supersede(graph, operation, layer.result);
  return true;
}

/** c as the bias of a layer of stored weights, whose scales `normalize-weights` knows. */
function attachBias(graph: Graph, operation: Operation): boolean {
  const sum = matchOperation(operation, add)?.operands;
  if (sum === undefined) return false;
  const [layer, bias] =
    constantOperandOf(sum.lhs) === undefined ? [sum.lhs, sum.rhs] : ([sum.rhs, sum.lhs] as const);
  const product = matchOperation(layer.producer, linear) ?? matchOperation(layer.producer, conv2d);
  const channels = layer.type.shape.at(-1);
  if (product === undefined || onlyUser(graph, layer) !== operation) return false;
  if (product.operands.bias !== undefined) return false;
  if (constantOperandOf(product.operands.weight)?.quantization === undefined) return false;
  if (constantOperandOf(bias) === undefined || bias.type.shape.join() !== String(channels)) return false;
  const { definition, attributes } = product.operation;
  const { input, weight } = product.operands;
  const fused = graph.createGeneric(definition, [input, weight, bias], attributes, inPlaceOf(operation));
  supersede(graph, operation, fused.result);
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
