/** Reductions. Their axes moved from an attribute to an input, for sums with operator set 13, for the others with 18. */
import type { OpDefinition, TypedOp } from "../../../ir/operation.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMean } from "../../../ops/reduce-mean.ts";
import { reduceSum } from "../../../ops/reduce-sum.ts";
import type { reductionAttributes } from "../../../ops/reductions.ts";
import { saturatedNumbersOf } from "../../../tensor/tensor.ts";
import { contentAt, type NodeView } from "../node-view.ts";
import type { Converter, ConverterTable } from "./converter.ts";

export const reduction: ConverterTable = {
  ReduceMax: reduceBy(reduceMax),
  ReduceMean: reduceBy(reduceMean),
  ReduceSum: reduceBy(reduceSum),
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

function reduceBy(definition: OpDefinition): Converter {
  const operator = definition as TypedOp<readonly ["input"], typeof reductionAttributes>;
  return (node) => {
    const axes = reductionAxes(node);
    const keepdims = node.attributes.flag("keepdims") ?? true;
    if (axes === undefined || axes.length === 0) return contentAt(node, 0);
    return node.create(operator, { input: node.value(0) }, { axes, keepdims });
  };
}
