/** Functions of elements, reductions, softmax, and the two that change what is stored. */
import type { Value } from "../../../ir/graph.ts";
import type { OpDefinition } from "../../../ir/operation.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { ceil } from "../../../ops/ceil.ts";
import { clip } from "../../../ops/clip.ts";
import { div } from "../../../ops/div.ts";
import { elu } from "../../../ops/elu.ts";
import { exp } from "../../../ops/exp.ts";
import { floor } from "../../../ops/floor.ts";
import { hardSwish } from "../../../ops/hard-swish.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { log } from "../../../ops/log.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { pow } from "../../../ops/pow.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMean } from "../../../ops/reduce-mean.ts";
import { reduceSum } from "../../../ops/reduce-sum.ts";
import { relu } from "../../../ops/relu.ts";
import { sigmoid } from "../../../ops/sigmoid.ts";
import { softmax } from "../../../ops/softmax.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { sub } from "../../../ops/sub.ts";
import { tanh } from "../../../ops/tanh.ts";
import { tensor } from "../../../tensor/tensor.ts";
import type { OperatorView } from "../operator-view.ts";
import { axisOf, binary, unary, type Converter, type ConverterTable } from "./converter.ts";

const asItIs = (view: OperatorView): Value => view.value(0);

export const elementwise: ConverterTable = {
  ADD: binary(add, 0),
  SUB: binary(sub, 0),
  MUL: binary(mul, 0),
  DIV: binary(div, 0),
  MAXIMUM: binary(maximum),
  MINIMUM: binary(minimum),
  POW: binary(pow),
  RELU: unary(relu),
  RELU6: unary(clip, { min: 0, max: 6 }),
  RELU_N1_TO_1: unary(clip, { min: -1, max: 1 }),
  LEAKY_RELU: (view) => view.create(leakyRelu, { input: view.value(0) }, { alpha: view.float(0, 0) }),
  LOGISTIC: unary(sigmoid),
  TANH: unary(tanh),
  ELU: unary(elu),
  HARD_SWISH: unary(hardSwish),
  EXP: unary(exp),
  LOG: unary(log),
  SQRT: unary(sqrt),
  SQUARE: (view) => view.create(mul, { lhs: view.value(0), rhs: view.value(0) }, {}),
  ABS: unary(abs),
  NEG: unary(neg),
  FLOOR: unary(floor),
  CEIL: unary(ceil),
  SOFTMAX: convertSoftmax,
  MEAN: reduction(reduceMean),
  SUM: reduction(reduceSum),
  REDUCE_MAX: reduction(reduceMax),
  // What they change is how the result is stored, which its tensor says.
  QUANTIZE: asItIs,
  DEQUANTIZE: asItIs,
};

/** Along the last axis, of its operand times beta. */
function convertSoftmax(view: OperatorView): Value {
  const beta = view.float(0, 0);
  const input = view.value(0);
  if (beta === 1) return view.create(softmax, { input }, { axis: -1 });
  const factor = view.constant(tensor("f32", [], [beta]), "beta");
  return view.create(softmax, { input: view.create(mul, { lhs: input, rhs: factor }, {}) }, { axis: -1 });
}

function reduction(definition: OpDefinition): Converter {
  return (view) => {
    const input = view.value(0);
    const axes = view.known(1, "axes").map((axis) => axisOf(view, axis, input.type.shape.length));
    const keepdims = view.byte(0) !== 0;
    const operator = definition as typeof reduceMean;
    return view.create(operator, { input }, { axes: [...new Set(axes)], keepdims });
  };
}
