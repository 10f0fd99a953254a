/**
 * Keeps one layout inside a network. The operators of images are NHWC; an NCHW model arrives with a transposition before and
 * after each of them. This pass moves transpositions towards the outputs and cancels inverse pairs, so that at most
 * one remains at each boundary of the network.
 *
 * Algebra, with T_p reading axis p[i] where its result has axis i:
 *
 *     op(T_p x, T_p y) = T_p' op'(x, y)       `permute` of the operator's definition gives op' and p'
 *     op(T_p x, c)     = T_p op(x, T_p⁻¹ c)    c a constant, stored or real, of lower rank where it broadcasts; or not
 *                                              transposed in fact, because only extents of 1 change places: then a reshape
 *     T_q T_p x        = T_(p∘q) x, and x where p∘q is the identity
 *
 * One sweep in order of execution suffices, for an operation's operands have been through it. A transposition that still has
 * other readers stays for them.
 *
 * Declines when another operand is computed in the other layout, when the operator gives its axes fixed meanings, and when
 * ranks differ.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { bypass, inPlaceOf, isOutput, matchOperation, supersede } from "../../src/ir/match.ts";
import { withShape, type TensorType } from "../../src/ir/types.ts";
import { constantOperandOf, moveConstantOperand } from "../../src/ops/constant-operand.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { definePass } from "../../src/pass/pass.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import {
  composePermutations,
  inversePermutation,
  isIdentityPermutation,
  keepsOrder,
  permuteShape,
  transposeTensor,
} from "../../src/tensor/transpose.ts";

export const sinkTransposes = definePass({
  name: "sink-transposes",
  summary: "move transpositions towards the outputs and cancel inverse pairs",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      // A snapshot still lists what was erased with its last reader.
      if (operation.result.users.size === 0 && !isOutput(graph, operation.result)) continue;
      if (operation.definition === transpose) {
        if (merge(graph, operation)) count("merged");
      } else if (sink(graph, operation)) count("sunk");
    }
  },
});

/** T_q T_p x → T_(p∘q) x. */
function merge(graph: Graph, operation: Operation): boolean {
  const outer = matchOperation(operation, transpose)!;
  const inner = matchOperation(outer.operands.input.producer, transpose);
  if (inner === undefined) return false;
  const permutation = composePermutations(inner.attributes.permutation, outer.attributes.permutation);
  const { input } = inner.operands;
  if (isIdentityPermutation(permutation) && bypass(graph, operation, input)) return true;
  const merged = graph.create(transpose, { input }, { permutation }, inPlaceOf(operation));
  supersede(graph, operation, merged.result);
  return true;
}

function sink(graph: Graph, operation: Operation): boolean {
  const { definition, operands, attributes, result } = operation;
  if (definition.permute === undefined) return false;
  const first = operands
    .map((operand) => matchOperation(operand.producer, transpose))
    .find((t) => t !== undefined);
  if (first === undefined) return false;
  const { permutation } = first.attributes;
  // A transposition of lower rank is broadcast: it permutes only some of the result's axes.
  if (operands.some((operand) => operand.type.shape.length > permutation.length)) return false;
  const permuted = definition.permute(attributes, permutation);
  const sources = operands.map((operand, i) =>
    i < (permuted.operands ?? Infinity) ? untransposed(operand, permutation) : (): Value => operand,
  );
  if (sources.some((source) => source === undefined)) return false;

  const values = sources.map((source) => source!(graph, operation));
  const inner = graph.createGeneric(definition, values, permuted.attributes, {
    ...inPlaceOf(operation),
    type: untransposedType(result.type, permuted.permutation),
  });
  if (isIdentityPermutation(permuted.permutation)) {
    supersede(graph, operation, inner.result);
    return true;
  }
  const outer = graph.create(
    transpose,
    { input: inner.result },
    { permutation: permuted.permutation },
    inPlaceOf(operation),
  );
  const { name } = result;
  supersede(graph, operation, outer.result);
  // The layer's name belongs to what computes it, except where callers know it.
  if (!isOutput(graph, outer.result)) {
    graph.rename(outer.result, `${name}_transposed`);
    graph.rename(inner.result, name);
  }
  return true;
}

/** The type of z with `type` that of T_permutation z. */
function untransposedType(type: TensorType, permutation: readonly number[]): TensorType {
  const axis = type.quantization?.axis;
  return withShape(
    type,
    permuteShape(type.shape, inversePermutation(permutation)),
    axis === undefined ? undefined : permutation[axis],
  );
}

type Source = (graph: Graph, before: Operation) => Value;

/** How to get z with `operand = T_permutation z`, if that is free. */
function untransposed(operand: Value, permutation: readonly number[]): Source | undefined {
  const moved = matchOperation(operand.producer, transpose);
  if (moved !== undefined && moved.attributes.permutation.join() === permutation.join())
    return () => moved.operands.input;

  const { shape } = operand.type;
  const aligned = [...permutation.slice(shape.length).map(() => 1), ...shape];
  const inverse = inversePermutation(permutation);
  const known = constantOperandOf(operand);
  if (known !== undefined && known.quantization?.axis === undefined)
    return (graph, before) =>
      moveConstantOperand(
        graph,
        operand,
        ({ element, data }) => transposeTensor(tensor(element, aligned, data), inverse),
        { before, name: operand.name, origin: operand.producer?.origin },
      );
  if (moved === undefined && keepsOrder(aligned, inverse))
    return (graph, before) =>
      graph.create(reshape, { input: operand }, { shape: permuteShape(aligned, inverse) }, inPlaceOf(before))
        .result;
  return undefined;
}
