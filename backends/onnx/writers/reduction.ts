/** Pools, reductions over axes, softmax, and where the largest elements are. */
import type { AttributesOf } from "../../../src/ir/attributes.ts";
import { argMax } from "../../../src/ops/arg-max.ts";
import { argMin } from "../../../src/ops/arg-min.ts";
import { avgPool } from "../../../src/ops/avg-pool.ts";
import { cumSum } from "../../../src/ops/cum-sum.ts";
import { maxPool } from "../../../src/ops/max-pool.ts";
import { reduceMax } from "../../../src/ops/reduce-max.ts";
import { reduceMean } from "../../../src/ops/reduce-mean.ts";
import { reduceMin } from "../../../src/ops/reduce-min.ts";
import { reduceProd } from "../../../src/ops/reduce-prod.ts";
import { reduceSum } from "../../../src/ops/reduce-sum.ts";
import type { reductionAttributes } from "../../../src/ops/reductions.ts";
import { softmax } from "../../../src/ops/softmax.ts";
import { topKIndices } from "../../../src/ops/top-k-indices.ts";
import { tensor } from "../../../src/tensor/tensor.ts";
import { int, ints, type OnnxAttributes } from "../attributes.ts";
import type { Written } from "../tensors.ts";
import { channelsFirst } from "./channels-first.ts";
import { indices } from "./indices.ts";
import { row, type Row, type Writer } from "./writer.ts";

export const reduction: readonly Row[] = [
  row(maxPool, (writer, attributes) => pool(writer, "MaxPool", attributes)),
  row(avgPool, (writer, { count_include_pad, ...attributes }) =>
    pool(writer, "AveragePool", attributes, { count_include_pad: int(count_include_pad) }),
  ),
  row(reduceMean, reduce("ReduceMean")),
  row(reduceSum, reduce("ReduceSum")),
  row(reduceMax, reduce("ReduceMax")),
  row(reduceMin, reduce("ReduceMin")),
  row(reduceProd, reduce("ReduceProd")),
  row(argMax, position("ArgMax")),
  row(argMin, position("ArgMin")),
  row(softmax, (writer, { axis }) => writer.node("Softmax", [writer.operand(0)], { axis: int(axis) })),
  row(topKIndices, (writer, { axis, k, largest }) => {
    const attributes = { axis: int(axis), largest: int(largest), sorted: int(1) };
    return writer.nodeOutput("TopK", [writer.operand(0), indices(writer, "k", [k])], attributes, 1);
  }),
  row(cumSum, (writer, { axis, exclusive, reverse }) =>
    writer.node("CumSum", [writer.operand(0), writer.constant("axis", tensor("i32", [], [axis]))], {
      exclusive: int(exclusive),
      reverse: int(reverse),
    }),
  ),
];

interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

function pool(
  writer: Writer,
  opType: string,
  { kernel, strides, pads, dilations }: Windows,
  more: OnnxAttributes = {},
): Written {
  const name = writer.node(opType, [writer.operand(0, channelsFirst)], {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    pads: ints(pads),
    dilations: ints(dilations),
    ...more,
  });
  return { name, order: channelsFirst };
}

function reduce(opType: string) {
  return (writer: Writer, { axes, keepdims }: AttributesOf<typeof reductionAttributes>): string =>
    writer.node(opType, [writer.operand(0), indices(writer, "axes", axes)], { keepdims: int(keepdims) });
}

function position(opType: string) {
  return (
    writer: Writer,
    { axis, keepdims, last }: { readonly axis: number; readonly keepdims: boolean; readonly last: boolean },
  ): string =>
    writer.node(opType, [writer.operand(0)], {
      axis: int(axis),
      keepdims: int(keepdims),
      select_last_index: int(last),
    });
}
