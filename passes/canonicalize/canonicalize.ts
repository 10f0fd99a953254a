/**
 * Brings what can be written in several ways into one, so that other passes look for that one only.
 *
 *     reshape(x) to its own shape, transpose(x) with the identity, pad by nothing, slice of everything, concat of one = x
 *     reshape(reshape(x))        = reshape(x), or x where that has its shape
 *     transpose_q(transpose_p(x)) = transpose_(p∘q)(x)
 *     transpose that only moves extents of 1 = reshape
 *     x + 0, x - 0, x * 1, x / 1 = x                     where the constant does not broadcast x; -0 + 0 may keep its sign
 *     x / c = x * (1 / c)                                c constant, its inverses finite: there is an integer form of products
 *     maximum(x, c), minimum(x, c) = clip(x)             c one number
 *
 * Declines where an output of the graph would become an input or another output: outputs keep their names.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import {
  bypass,
  constantOf,
  inPlaceOf,
  isOutput,
  matchOperation,
  supersede,
  uniformOf,
} from "../../src/ir/match.ts";
import type { OpDefinition } from "../../src/ir/operation.ts";
import { sameShape, sameType } from "../../src/ir/types.ts";
import { add } from "../../src/ops/add.ts";
import { clip } from "../../src/ops/clip.ts";
import { concat } from "../../src/ops/concat.ts";
import { constant } from "../../src/ops/constant.ts";
import { div } from "../../src/ops/div.ts";
import { maximum } from "../../src/ops/maximum.ts";
import { minimum } from "../../src/ops/minimum.ts";
import { mul } from "../../src/ops/mul.ts";
import { pad } from "../../src/ops/pad.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { slice } from "../../src/ops/slice.ts";
import { sub } from "../../src/ops/sub.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { definePass } from "../../src/pass/pass.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { composePermutations, isIdentityPermutation, keepsOrder } from "../../src/tensor/transpose.ts";

export const canonicalize = definePass({
  name: "canonicalize",
  summary: "remove identities and write equal things in one way",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      if (operation.result.users.size === 0 && !isOutput(graph, operation.result)) continue;
      const source = identityOf(operation);
      if (source !== undefined && bypass(graph, operation, source)) {
        count("identities");
        continue;
      }
      const simpler = rewriteOf(graph, operation);
      if (simpler === undefined) continue;
      supersede(graph, operation, simpler.result);
      count("rewritten");
    }
  },
});

/** The operand the operation gives back as it is. */
function identityOf(operation: Operation): Value | undefined {
  const { definition, result, operands } = operation;
  const input = operands[0];
  const returned = roundTripOf(operation);
  if (returned !== undefined) return returned;
  if (input === undefined || !sameType(input.type, result.type)) return neutralOperand(operation);
  const whole = definition === reshape || definition === pad || definition === slice;
  // A slice with negative steps keeps the shape and reverses.
  if (definition === slice && matchOperation(operation, slice)!.attributes.steps.some((step) => step < 0))
    return undefined;
  if (whole || (definition === concat && operands.length === 1)) return input;
  const moved = matchOperation(operation, transpose);
  if (moved !== undefined && isIdentityPermutation(moved.attributes.permutation)) return input;
  return neutralOperand(operation);
}

/** The tensor that a second reshape or transposition gives back. */
function roundTripOf(operation: Operation): Value | undefined {
  const inner = operation.operands[0]?.producer;
  if (operation.definition === reshape && inner?.definition === reshape) {
    const source = inner.operands[0]!;
    return sameType(source.type, operation.result.type) ? source : undefined;
  }
  const [outer, first] = [matchOperation(operation, transpose), matchOperation(inner, transpose)];
  if (outer === undefined || first === undefined) return undefined;
  const both = composePermutations(first.attributes.permutation, outer.attributes.permutation);
  return isIdentityPermutation(both) ? first.operands.input : undefined;
}

/** The constant that changes nothing, and whether it may stand on the left as well. */
const neutral: ReadonlyMap<OpDefinition, { readonly value: number; readonly commutes: boolean }> = new Map<
  OpDefinition,
  { value: number; commutes: boolean }
>([
  [add, { value: 0, commutes: true }],
  [sub, { value: 0, commutes: false }],
  [mul, { value: 1, commutes: true }],
  [div, { value: 1, commutes: false }],
]);

function neutralOperand({ definition, operands, result }: Operation): Value | undefined {
  const entry = neutral.get(definition);
  if (entry === undefined || result.type.element !== "f32") return undefined;
  const [lhs, rhs] = operands as [Value, Value];
  if (uniformOf(rhs) === entry.value && sameType(lhs.type, result.type)) return lhs;
  if (entry.commutes && uniformOf(lhs) === entry.value && sameType(rhs.type, result.type)) return rhs;
  return undefined;
}

function rewriteOf(graph: Graph, operation: Operation): Operation | undefined {
  const place = inPlaceOf(operation);
  const shaped = matchOperation(operation, reshape);
  const reshaped = matchOperation(shaped?.operands.input.producer, reshape);
  if (shaped !== undefined && reshaped !== undefined)
    return graph.create(
      reshape,
      { input: reshaped.operands.input },
      { shape: shaped.attributes.shape },
      place,
    );

  const moved = matchOperation(operation, transpose);
  if (moved !== undefined) {
    const { input } = moved.operands;
    const { permutation } = moved.attributes;
    if (keepsOrder(input.type.shape, permutation))
      return graph.create(reshape, { input }, { shape: operation.result.type.shape }, place);
    const before = matchOperation(input.producer, transpose);
    if (before === undefined) return undefined;
    const both = composePermutations(before.attributes.permutation, permutation);
    return graph.create(transpose, { input: before.operands.input }, { permutation: both }, place);
  }
  return clipOf(graph, operation) ?? productOf(graph, operation);
}

/** A quotient by constants. */
function productOf(graph: Graph, operation: Operation): Operation | undefined {
  const quotient = matchOperation(operation, div)?.operands;
  const divisor = constantOf(quotient?.rhs);
  if (quotient === undefined || divisor?.element !== "f32") return undefined;
  const inverse = Float32Array.from(numbersOf(divisor), (c) => 1 / c);
  if (!inverse.every((x) => Number.isFinite(x) && x !== 0)) return undefined;
  const place = inPlaceOf(operation);
  const attributes = { value: tensor("f32", divisor.shape, inverse) };
  const rhs = graph.create(constant, {}, attributes, {
    ...place,
    name: `${quotient.rhs.name}_inverse`,
  }).result;
  return graph.create(mul, { lhs: quotient.lhs, rhs }, {}, place);
}

/** A minimum or maximum with one number. */
function clipOf(graph: Graph, operation: Operation): Operation | undefined {
  const { definition, operands, result } = operation;
  if ((definition !== maximum && definition !== minimum) || result.type.element !== "f32") return undefined;
  const [lhs, rhs] = operands as [Value, Value];
  const [input, other] = constantOf(lhs) === undefined ? [lhs, rhs] : [rhs, lhs];
  const bound = uniformOf(other);
  if (bound === undefined || Number.isNaN(bound) || !sameShape(input.type.shape, result.type.shape))
    return undefined;
  return graph.create(
    clip,
    { input },
    definition === maximum ? { min: bound } : { max: bound },
    inPlaceOf(operation),
  );
}
