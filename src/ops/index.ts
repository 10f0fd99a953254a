/** Every operator, explicitly. */
import type { OpDefinition } from "../ir/operation.ts";
import { abs } from "./abs.ts";
import { add } from "./add.ts";
import { avgPool } from "./avg-pool.ts";
import { batchNorm } from "./batch-norm.ts";
import { ceil } from "./ceil.ts";
import { clip } from "./clip.ts";
import { concat } from "./concat.ts";
import { constant } from "./constant.ts";
import { conv2d } from "./conv2d.ts";
import { dequantize } from "./dequantize.ts";
import { div } from "./div.ts";
import { elu } from "./elu.ts";
import { erf } from "./erf.ts";
import { exp } from "./exp.ts";
import { floor } from "./floor.ts";
import { gelu } from "./gelu.ts";
import { hardSigmoid } from "./hard-sigmoid.ts";
import { hardSwish } from "./hard-swish.ts";
import { leakyRelu } from "./leaky-relu.ts";
import { linear } from "./linear.ts";
import { log } from "./log.ts";
import { lookup } from "./lookup.ts";
import { matmul } from "./matmul.ts";
import { maxPool } from "./max-pool.ts";
import { maximum } from "./maximum.ts";
import { minimum } from "./minimum.ts";
import { mul } from "./mul.ts";
import { neg } from "./neg.ts";
import { pad } from "./pad.ts";
import { pow } from "./pow.ts";
import { quantize } from "./quantize.ts";
import { reciprocal } from "./reciprocal.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceMean } from "./reduce-mean.ts";
import { reduceSum } from "./reduce-sum.ts";
import { relu } from "./relu.ts";
import { requantize } from "./requantize.ts";
import { rescaledAdd } from "./rescaled-add.ts";
import { rescaledSub } from "./rescaled-sub.ts";
import { reshape } from "./reshape.ts";
import { round } from "./round.ts";
import { sigmoid } from "./sigmoid.ts";
import { sign } from "./sign.ts";
import { silu } from "./silu.ts";
import { slice } from "./slice.ts";
import { softmax } from "./softmax.ts";
import { softplus } from "./softplus.ts";
import { softsign } from "./softsign.ts";
import { sqrt } from "./sqrt.ts";
import { sub } from "./sub.ts";
import { tanh } from "./tanh.ts";
import { transpose } from "./transpose.ts";

export const operators: readonly OpDefinition[] = [
  constant,
  conv2d,
  linear,
  matmul,
  avgPool,
  maxPool,
  reduceMean,
  reduceSum,
  reduceMax,
  batchNorm,
  softmax,
  add,
  sub,
  mul,
  div,
  minimum,
  maximum,
  pow,
  rescaledAdd,
  rescaledSub,
  relu,
  clip,
  leakyRelu,
  sigmoid,
  tanh,
  exp,
  log,
  sqrt,
  abs,
  neg,
  reciprocal,
  erf,
  gelu,
  silu,
  hardSigmoid,
  hardSwish,
  elu,
  softplus,
  softsign,
  floor,
  ceil,
  round,
  sign,
  reshape,
  transpose,
  concat,
  slice,
  pad,
  quantize,
  dequantize,
  requantize,
  lookup,
];

const byName = new Map(operators.map((op) => [op.name, op]));

/** The operator of that name, if there is one. */
export const operatorNamed = (name: string): OpDefinition | undefined => byName.get(name);
