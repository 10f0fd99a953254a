/**
 * Reductions. Their axes moved from an attribute to an input, for sums with operator set 13, for the others with 18. The norms are
 * sums of something; log(sum(exp)) is taken relative to the largest element, so that no exponential overflows.
 */
import type { Value } from "../../../ir/graph.ts";
import type { OpDefinition, TypedOp } from "../../../ir/operation.ts";
import { argMax } from "../../../ops/arg-max.ts";
import { argMin } from "../../../ops/arg-min.ts";
import { cumSum } from "../../../ops/cum-sum.ts";
import { gatherElements } from "../../../ops/gather-elements.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMean } from "../../../ops/reduce-mean.ts";
import { reduceMin } from "../../../ops/reduce-min.ts";
import { reduceProd } from "../../../ops/reduce-prod.ts";
import { reduceSum } from "../../../ops/reduce-sum.ts";
import type { reductionAttributes } from "../../../ops/reductions.ts";
import { topKIndices } from "../../../ops/top-k-indices.ts";
import { saturatedNumbersOf } from "../../../tensor/tensor.ts";
import { axisAt, contentAt, type NodeView } from "../node-view.ts";
import { since, type Converter, type ConverterTable } from "./converter.ts";
import { termsOf, type Terms } from "./terms.ts";

export const reduction: ConverterTable = {
  ReduceL1: since(
    1,
    sumOf((x, t) => t.size(x)),
    "axes are an attribute until 17, a constant input since",
  ),
  ReduceL2: since(
    1,
    sumOf(
      (x, t) => t.times(x, x),
      (sum, t) => t.as(sum.type.element, t.root(asReal(sum, t))),
    ),
    "axes are an attribute until 17, a constant input since",
  ),
  ReduceLogSum: since(
    1,
    sumOf(
      (x) => x,
      (sum, t) => t.logarithm(sum),
    ),
    "axes are an attribute until 17, a constant input since",
  ),
  ReduceLogSumExp: since(1, convertLogSumExp, "axes are an attribute until 17, a constant input since"),
  ReduceMax: since(1, reduceBy(reduceMax), "axes are an attribute until 17, a constant input since"),
  ReduceMean: since(1, reduceBy(reduceMean), "axes are an attribute until 17, a constant input since"),
  ReduceMin: since(1, reduceBy(reduceMin), "axes are an attribute until 17, a constant input since"),
  ReduceProd: since(1, reduceBy(reduceProd), "axes are an attribute until 17, a constant input since"),
  ReduceSum: since(1, reduceBy(reduceSum), "axes are an attribute until 12, a constant input since"),
  ReduceSumSquare: since(
    1,
    sumOf((x, t) => t.times(x, x)),
    "axes are an attribute until 17, a constant input since",
  ),

  ArgMax: since(1, positionBy(argMax)),
  ArgMin: since(1, positionBy(argMin)),
  CumSum: since(11, convertCumSum, "the axis must be constant"),
  TopK: since(1, convertTopK, "k is an attribute until 9, a constant input since; takes extent² comparisons"),
};

/** The axes of a reduction, all of them if it names none; undefined where no axes mean no reduction. */
export function reductionAxes(node: NodeView): readonly number[] | undefined {
  const keeps = node.attributes.flag("noop_with_empty_axes") === true;
  const given = node.has(1)
    ? Array.from(saturatedNumbersOf(node.known(1, "axes")))
    : node.attributes.ints("axes");
  if (given !== undefined && given.length > 0) return given;
  return keeps ? undefined : node.shape(0).map((_, axis) => axis);
}

interface Reduced {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** What is reduced, in our words; no axes where nothing is, as for a scalar. */
function readReduction(node: NodeView): Reduced {
  const keepdims = node.attributes.flag("keepdims") ?? true;
  const rank = node.shape(0).length;
  return { axes: (reductionAxes(node) ?? []).map((axis) => axisAt(node, axis, rank)), keepdims };
}

function reduceBy(definition: OpDefinition): Converter {
  const operator = definition as TypedOp<readonly ["input"], typeof reductionAttributes>;
  return (node) => {
    const { axes, keepdims } = readReduction(node);
    if (axes.length === 0) return contentAt(node, 0);
    return node.create(operator, { input: node.value(0) }, { axes, keepdims });
  };
}

type Mapping = (x: Value, t: Terms) => Value;

/** after(sum of before(x)). */
function sumOf(before: Mapping, after: Mapping = (sum) => sum): Converter {
  return (node) => {
    const { axes, keepdims } = readReduction(node);
    const terms = termsOf(node);
    return after(terms.sum(before(node.value(0), terms), axes, keepdims), terms);
  };
}

const asReal = (x: Value, t: Terms): Value => {
  const { element } = x.type;
  return element === "f32" || element === "f64" ? x : t.as("f64", x);
};

function convertLogSumExp(node: NodeView): Value {
  const { axes, keepdims } = readReduction(node);
  const t = termsOf(node);
  const x = node.value(0);
  const shape = x.type.shape.flatMap((n, axis) => (!axes.includes(axis) ? [n] : keepdims ? [1] : []));
  // Relative to an infinite element there would be no number.
  const largest = t.greatest(x, axes);
  const infinite = t.isEqual(t.size(largest), Infinity);
  const base = t.when(infinite, 0, largest);
  const sum = t.sum(t.exponential(t.minus(x, base)), axes);
  return node.reshape(t.plus(t.logarithm(sum), base), shape);
}

function positionBy(definition: typeof argMax): Converter {
  return (node) => {
    const axis = axisAt(node, node.attributes.int("axis") ?? 0, node.shape(0).length);
    const keepdims = node.attributes.flag("keepdims") ?? true;
    const last = node.attributes.flag("select_last_index") ?? false;
    return node.create(definition, { input: node.value(0) }, { axis, keepdims, last });
  };
}

function convertCumSum(node: NodeView): Value {
  const axis = axisAt(node, Number(node.known(1, "axis").data[0]), node.shape(0).length);
  const exclusive = node.attributes.flag("exclusive") ?? false;
  const reverse = node.attributes.flag("reverse") ?? false;
  return node.create(cumSum, { input: node.value(0) }, { axis, exclusive, reverse });
}

/** Always sorted, which ONNX allows where it is not asked for. */
function convertTopK(node: NodeView): Value[] {
  const { attributes } = node;
  const axis = axisAt(node, attributes.int("axis") ?? -1, node.shape(0).length);
  const k =
    node.opset < 10
      ? attributes.required("k", attributes.int("k"))
      : Number(saturatedNumbersOf(node.known(1, "k"))[0]);
  const largest = attributes.flag("largest") ?? true;
  attributes.ignore("sorted");
  const input = node.value(0);
  const indices = node.create(topKIndices, { input }, { axis, k, largest });
  return [node.create(gatherElements, { input, indices }, { axis }), indices];
}
