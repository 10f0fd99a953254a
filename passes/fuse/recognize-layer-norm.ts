/**
 * Makes one operation of a normalization that was written, by an exporter or by our own converters, as means and a root:
 *
 *     c = x - mean(x)        v = mean(c * c)        y = c / sqrt(v + epsilon)        or c * (1 / sqrt(v + epsilon))
 *
 * over the last axes, which become one, or over others but not the last. x itself in the place of c is a normalization by the root
 * of the mean square. Gain and offset behind it are absorbed by fuse-linear.
 *
 *     layer_norm(x) has weight 1 for each entry of the last axis
 *
 * One operation because of its integer form, which knows mean and deviation exactly; each of the steps alone would be rounded to 8 bits.
 * What else reads the mean or the deviation keeps them.
 *
 * Declines when the means are over different axes, over the last axis and some that do not lead up to it, or drop their axes; when epsilon is
 * not one constant.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { inPlaceOf, matchOperation, supersede, uniformOf } from "../../src/ir/match.ts";
import { add } from "../../src/ops/add.ts";
import { constant } from "../../src/ops/constant.ts";
import { div } from "../../src/ops/div.ts";
import { layerNorm } from "../../src/ops/layer-norm.ts";
import { mul } from "../../src/ops/mul.ts";
import { pow } from "../../src/ops/pow.ts";
import { reciprocal } from "../../src/ops/reciprocal.ts";
import { reduceMean } from "../../src/ops/reduce-mean.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { sqrt } from "../../src/ops/sqrt.ts";
import { sub } from "../../src/ops/sub.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementCount, tensor } from "../../src/tensor/tensor.ts";

export const recognizeLayerNorm = definePass({
  name: "recognize-layer-norm",
  summary: "make one operation of a normalization written as means and a root",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      const normalization = normalizationOf(operation);
      if (normalization === undefined) continue;
      rewrite(graph, operation, normalization);
      count("recognized");
    }
  },
});

interface Normalization {
  readonly input: Value;
  /** Ascending, from 0. */
  readonly axes: readonly number[];
  readonly epsilon: number;
  readonly centre: boolean;
}

function normalizationOf(operation: Operation): Normalization | undefined {
  if (operation.result.type.element !== "f32") return undefined;
  for (const [numerator, root] of quotientsOf(operation)) {
    const sum = matchOperation(matchOperation(root.producer, sqrt)?.operands.input.producer, add)?.operands;
    if (sum === undefined) continue;
    const [variance, epsilon] =
      uniformOf(sum.rhs) === undefined ? [sum.rhs, uniformOf(sum.lhs)] : [sum.lhs, uniformOf(sum.rhs)];
    const mean = meanOf(variance);
    if (epsilon === undefined || !(epsilon >= 0) || mean === undefined) continue;
    const centred = squared(mean.of);
    if (centred === undefined || !sameDifference(centred, numerator)) continue;
    const { axes } = mean;
    const rank = numerator.type.shape.length;
    // Those up to the last, without a gap, or without the last.
    if (axes.includes(rank - 1) && axes[0] !== rank - axes.length) continue;
    const difference = matchOperation(numerator.producer, sub)?.operands;
    const own = difference === undefined ? undefined : meanOf(difference.rhs);
    if (own?.of === difference?.lhs && own?.axes.join() === axes.join())
      return { input: difference!.lhs, axes, epsilon, centre: true };
    return { input: numerator, axes, epsilon, centre: false };
  }
  return undefined;
}

/** [a, b] for each way to read the operation as a / b. */
function quotientsOf(operation: Operation): (readonly [Value, Value])[] {
  const quotient = matchOperation(operation, div)?.operands;
  if (quotient !== undefined) return [[quotient.lhs, quotient.rhs]];
  const product = matchOperation(operation, mul)?.operands;
  if (product === undefined) return [];
  return [
    [product.lhs, product.rhs],
    [product.rhs, product.lhs],
  ].flatMap(([a, b]): (readonly [Value, Value])[] => {
    const divisor = inverseOf(b!);
    return divisor === undefined ? [] : [[a!, divisor]];
  });
}

/** The b of 1 / b. */
function inverseOf({ producer }: Value): Value | undefined {
  const quotient = matchOperation(producer, div)?.operands;
  if (quotient !== undefined) return uniformOf(quotient.lhs) === 1 ? quotient.rhs : undefined;
  return matchOperation(producer, reciprocal)?.operands.input;
}

function meanOf({ producer }: Value): { readonly of: Value; readonly axes: readonly number[] } | undefined {
  const mean = matchOperation(producer, reduceMean);
  if (mean === undefined || !mean.attributes.keepdims) return undefined;
  const { input } = mean.operands;
  const rank = input.type.shape.length;
  return { of: input, axes: mean.attributes.axes.map((axis) => (axis + rank) % rank).sort((a, b) => a - b) };
}

/** The c of c * c. */
function squared({ producer }: Value): Value | undefined {
  const product = matchOperation(producer, mul)?.operands;
  if (product !== undefined) return product.lhs === product.rhs ? product.lhs : undefined;
  const power = matchOperation(producer, pow)?.operands;
  return power !== undefined && uniformOf(power.rhs) === 2 ? power.lhs : undefined;
}

/** Exporters may write one difference twice. */
function sameDifference(a: Value, b: Value): boolean {
  const [left, right] = [a, b].map(({ producer }) => matchOperation(producer, sub)?.operands);
  return a === b || (left !== undefined && left.lhs === right?.lhs && left.rhs === right.rhs);
}

function rewrite(graph: Graph, operation: Operation, { input, axes, epsilon, centre }: Normalization): void {
  const { shape } = input.type;
  const place = inPlaceOf(operation);
  const flattens = axes.length > 1 && axes.includes(shape.length - 1);
  const flat = [...shape.slice(0, axes[0]), elementCount(shape.slice(axes[0]))];
  let value = flattens ? graph.create(reshape, { input }, { shape: flat }, place).result : input;
  const ones = tensor("f32", [value.type.shape.at(-1)!], new Float32Array(value.type.shape.at(-1)!).fill(1));
  const weight = graph.create(
    constant,
    {},
    { value: ones },
    { ...place, name: `${operation.result.name}_weight` },
  );
  const attributes = { axes: flattens ? [flat.length - 1] : [...axes], epsilon, centre };
  value = graph.create(layerNorm, { input: value, weight: weight.result }, attributes, place).result;
  if (flattens) value = graph.create(reshape, { input: value }, { shape }, place).result;
  supersede(graph, operation, value);
}
