/** Every operator, explicitly. */
import type { OpDefinition } from "../ir/operation.ts";
import { abs } from "./abs.ts";
import { add } from "./add.ts";
import { alignedAdd } from "./aligned-add.ts";
import { alignedSub } from "./aligned-sub.ts";
import { and } from "./and.ts";
import { argMax } from "./arg-max.ts";
import { argMin } from "./arg-min.ts";
import { avgPool } from "./avg-pool.ts";
import { batchNorm } from "./batch-norm.ts";
import { cast } from "./cast.ts";
import { ceil } from "./ceil.ts";
import { celu } from "./celu.ts";
import { clip } from "./clip.ts";
import { concat } from "./concat.ts";
import { constant } from "./constant.ts";
import { conv2d } from "./conv2d.ts";
import { cos } from "./cos.ts";
import { cumSum } from "./cum-sum.ts";
import { dequantize } from "./dequantize.ts";
import { div } from "./div.ts";
import { einsum } from "./einsum.ts";
import { elu } from "./elu.ts";
import { equal } from "./equal.ts";
import { erf } from "./erf.ts";
import { exp } from "./exp.ts";
import { expand } from "./expand.ts";
import { floor } from "./floor.ts";
import { gather } from "./gather.ts";
import { gatherElements } from "./gather-elements.ts";
import { gatherNd } from "./gather-nd.ts";
import { gelu } from "./gelu.ts";
import { hardSigmoid } from "./hard-sigmoid.ts";
import { hardSwish } from "./hard-swish.ts";
import { isInf } from "./is-inf.ts";
import { isNan } from "./is-nan.ts";
import { interpolate } from "./interpolate.ts";
import { layerNorm } from "./layer-norm.ts";
import { leakyRelu } from "./leaky-relu.ts";
import { less } from "./less.ts";
import { lessEqual } from "./less-equal.ts";
import { linear } from "./linear.ts";
import { log } from "./log.ts";
import { lookup } from "./lookup.ts";
import { matmul } from "./matmul.ts";
import { maxPool } from "./max-pool.ts";
import { maxPoolIndices } from "./max-pool-indices.ts";
import { maximum } from "./maximum.ts";
import { minimum } from "./minimum.ts";
import { mish } from "./mish.ts";
import { mod } from "./mod.ts";
import { mul } from "./mul.ts";
import { neg } from "./neg.ts";
import { not } from "./not.ts";
import { or } from "./or.ts";
import { pad } from "./pad.ts";
import { pow } from "./pow.ts";
import { quantize } from "./quantize.ts";
import { reciprocal } from "./reciprocal.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceMean } from "./reduce-mean.ts";
import { reduceMin } from "./reduce-min.ts";
import { reduceProd } from "./reduce-prod.ts";
import { reduceSum } from "./reduce-sum.ts";
import { relu } from "./relu.ts";
import { remainder } from "./remainder.ts";
import { requantize } from "./requantize.ts";
import { resample } from "./resample.ts";
import { rescaledAdd } from "./rescaled-add.ts";
import { rescaledSub } from "./rescaled-sub.ts";
import { reshape } from "./reshape.ts";
import { round } from "./round.ts";
import { scatterElements } from "./scatter-elements.ts";
import { scatterNd } from "./scatter-nd.ts";
import { select } from "./select.ts";
import { selu } from "./selu.ts";
import { shrink } from "./shrink.ts";
import { sigmoid } from "./sigmoid.ts";
import { sign } from "./sign.ts";
import { silu } from "./silu.ts";
import { sin } from "./sin.ts";
import { slice } from "./slice.ts";
import { softmax } from "./softmax.ts";
import { softplus } from "./softplus.ts";
import { softsign } from "./softsign.ts";
import { sqrt } from "./sqrt.ts";
import { sub } from "./sub.ts";
import { tanh } from "./tanh.ts";
import { thresholdedRelu } from "./thresholded-relu.ts";
import { topKIndices } from "./top-k-indices.ts";
import { transpose } from "./transpose.ts";
import { wideValue } from "./wide-value.ts";
import { xor } from "./xor.ts";

export const operators: readonly OpDefinition[] = [
  constant,
  conv2d,
  linear,
  matmul,
  einsum,
  avgPool,
  maxPool,
  maxPoolIndices,
  reduceMean,
  reduceSum,
  reduceMax,
  reduceMin,
  reduceProd,
  argMax,
  argMin,
  topKIndices,
  cumSum,
  batchNorm,
  softmax,
  add,
  sub,
  mul,
  div,
  minimum,
  maximum,
  pow,
  mod,
  remainder,
  equal,
  less,
  lessEqual,
  and,
  or,
  xor,
  not,
  select,
  cast,
  rescaledAdd,
  rescaledSub,
  alignedAdd,
  alignedSub,
  relu,
  clip,
  layerNorm,
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
  sin,
  cos,
  gelu,
  silu,
  hardSigmoid,
  hardSwish,
  elu,
  celu,
  selu,
  softplus,
  softsign,
  mish,
  thresholdedRelu,
  shrink,
  floor,
  ceil,
  round,
  sign,
  isNan,
  isInf,
  reshape,
  transpose,
  concat,
  slice,
  pad,
  expand,
  gather,
  gatherElements,
  gatherNd,
  scatterElements,
  scatterNd,
  resample,
  quantize,
  dequantize,
  wideValue,
  requantize,
  lookup,
  interpolate,
];

const byName = new Map(operators.map((op) => [op.name, op]));

/** The operator of that name, if there is one. */
export const operatorNamed = (name: string): OpDefinition | undefined => byName.get(name);
