/**
 * Folds a transposition before a flattened fully connected layer into the order of its weight's columns.
 *
 * The flattened tensor has the elements of x in another order, and the layer sums over all of them:
 *
 *     linear(reshape(T_p x), w) = linear(reshape(x), w')        w' = w with its columns, seen as axes, read through T_p⁻¹
 *
 * The weight may be stored, behind a dequantization. Declines when it is not constant, when the flattened axes are not the ones that move (a batch that changes
 * place), and when the layer flattens other axes than all the trailing ones.
 */
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { inPlaceOf, matchOperation, supersede } from "../../src/ir/match.ts";
import { constantOperandOf, moveConstantOperand } from "../../src/ops/constant-operand.ts";
import { linear } from "../../src/ops/linear.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementCount, tensor } from "../../src/tensor/tensor.ts";
import { inversePermutation, transposeTensor } from "../../src/tensor/transpose.ts";

export const foldTransposeIntoLinear = definePass({
  name: "fold-transpose-into-linear",
  summary: "fold a transposition before a flattened fully connected layer into its weight",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) if (fold(graph, operation)) count("folded");
  },
});

function fold(graph: Graph, operation: Operation): boolean {
  const layer = matchOperation(operation, linear);
  const flattened = matchOperation(layer?.operands.input.producer, reshape);
  const moved = matchOperation(flattened?.operands.input.producer, transpose);
  const known = constantOperandOf(layer?.operands.weight);
  if (layer === undefined || flattened === undefined || moved === undefined || known === undefined)
    return false;
  if ((known.quantization?.axis ?? 0) !== 0) return false;

  const { permutation } = moved.attributes;
  const { contents: weight } = known;
  const [outputs, depth] = weight.shape as [number, number];
  const shape = moved.operation.result.type.shape;
  const leading = leadingAxes(shape, depth);
  if (leading === undefined || permutation.slice(0, leading).some((axis, i) => axis !== i)) return false;

  const columns = [0, ...permutation.slice(leading).map((axis) => axis - leading + 1)];
  const place = inPlaceOf(operation);
  const { name } = layer.operands.weight;
  const reordered = moveConstantOperand(
    graph,
    layer.operands.weight,
    ({ element, data }) => {
      const seenAsAxes = tensor(element, [outputs, ...shape.slice(leading)], data);
      return tensor(element, [outputs, depth], transposeTensor(seenAsAxes, inversePermutation(columns)).data);
    },
    { before: operation, name },
  );
  const input = graph.create(
    reshape,
    { input: moved.operands.input },
    { shape: flattened.attributes.shape },
    inPlaceOf(flattened.operation),
  );
  const bias = layer.operands.bias;
  const folded = graph.create(
    linear,
    { input: input.result, weight: reordered, ...(bias === undefined ? {} : { bias }) },
    {},
    place,
  );
  supersede(graph, operation, folded.result);
  return true;
}

/** How many axes come before the trailing ones with `depth` elements in all. */
function leadingAxes(shape: readonly number[], depth: number): number | undefined {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const count = elementCount(shape.slice(axis));
    if (count === depth) return axis;
    if (count > depth) return undefined;
  }
  return undefined;
}
