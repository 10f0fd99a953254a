/** Functions of one element, of two, and choices between them. Most have ONNX's name and attributes. */
import { abs } from "../../../src/ops/abs.ts";
import { add } from "../../../src/ops/add.ts";
import { and } from "../../../src/ops/and.ts";
import { cast } from "../../../src/ops/cast.ts";
import { ceil } from "../../../src/ops/ceil.ts";
import { celu } from "../../../src/ops/celu.ts";
import { clip } from "../../../src/ops/clip.ts";
import { cos } from "../../../src/ops/cos.ts";
import { div } from "../../../src/ops/div.ts";
import { elu } from "../../../src/ops/elu.ts";
import { equal } from "../../../src/ops/equal.ts";
import { erf } from "../../../src/ops/erf.ts";
import { exp } from "../../../src/ops/exp.ts";
import { floor } from "../../../src/ops/floor.ts";
import { gelu } from "../../../src/ops/gelu.ts";
import { hardSigmoid } from "../../../src/ops/hard-sigmoid.ts";
import { hardSwish } from "../../../src/ops/hard-swish.ts";
import { isInf } from "../../../src/ops/is-inf.ts";
import { isNan } from "../../../src/ops/is-nan.ts";
import { leakyRelu } from "../../../src/ops/leaky-relu.ts";
import { lessEqual } from "../../../src/ops/less-equal.ts";
import { less } from "../../../src/ops/less.ts";
import { log } from "../../../src/ops/log.ts";
import { maximum } from "../../../src/ops/maximum.ts";
import { minimum } from "../../../src/ops/minimum.ts";
import { mish } from "../../../src/ops/mish.ts";
import { mod } from "../../../src/ops/mod.ts";
import { mul } from "../../../src/ops/mul.ts";
import { neg } from "../../../src/ops/neg.ts";
import { not } from "../../../src/ops/not.ts";
import { or } from "../../../src/ops/or.ts";
import { pow } from "../../../src/ops/pow.ts";
import { reciprocal } from "../../../src/ops/reciprocal.ts";
import { relu } from "../../../src/ops/relu.ts";
import { remainder } from "../../../src/ops/remainder.ts";
import { round } from "../../../src/ops/round.ts";
import { select } from "../../../src/ops/select.ts";
import { selu } from "../../../src/ops/selu.ts";
import { shrink } from "../../../src/ops/shrink.ts";
import { sigmoid } from "../../../src/ops/sigmoid.ts";
import { sign } from "../../../src/ops/sign.ts";
import { silu } from "../../../src/ops/silu.ts";
import { sin } from "../../../src/ops/sin.ts";
import { softplus } from "../../../src/ops/softplus.ts";
import { softsign } from "../../../src/ops/softsign.ts";
import { sqrt } from "../../../src/ops/sqrt.ts";
import { sub } from "../../../src/ops/sub.ts";
import { tanh } from "../../../src/ops/tanh.ts";
import { thresholdedRelu } from "../../../src/ops/thresholded-relu.ts";
import { wideValue } from "../../../src/ops/wide-value.ts";
import { xor } from "../../../src/ops/xor.ts";
import { isFloat } from "../../../src/tensor/element-type.ts";
import { tensor } from "../../../src/tensor/tensor.ts";
import { int } from "../attributes.ts";
import { dataTypeOf } from "../model-builder.ts";
import { row, same, type Row, type Writer } from "./writer.ts";

export const elementwise: readonly Row[] = [
  row(abs, same("Abs")),
  row(ceil, same("Ceil")),
  row(celu, same("Celu")),
  row(cos, same("Cos")),
  row(elu, same("Elu")),
  row(erf, same("Erf")),
  row(exp, same("Exp")),
  row(floor, same("Floor")),
  row(gelu, same("Gelu")),
  row(hardSigmoid, same("HardSigmoid")),
  row(hardSwish, same("HardSwish")),
  row(isNan, same("IsNaN")),
  row(leakyRelu, same("LeakyRelu")),
  row(log, same("Log")),
  row(mish, same("Mish")),
  row(neg, same("Neg")),
  row(not, same("Not")),
  row(reciprocal, same("Reciprocal")),
  row(relu, same("Relu")),
  row(round, same("Round")),
  row(selu, same("Selu")),
  row(shrink, same("Shrink")),
  row(sigmoid, same("Sigmoid")),
  row(sign, same("Sign")),
  row(sin, same("Sin")),
  row(softplus, same("Softplus")),
  row(wideValue, same("Identity")),
  row(softsign, same("Softsign")),
  row(sqrt, same("Sqrt")),
  row(tanh, same("Tanh")),
  row(thresholdedRelu, same("ThresholdedRelu")),

  row(add, same("Add")),
  row(and, same("And")),
  row(div, same("Div")),
  row(equal, same("Equal")),
  row(less, same("Less")),
  row(lessEqual, same("LessOrEqual")),
  row(maximum, same("Max")),
  row(minimum, same("Min")),
  row(mul, same("Mul")),
  row(or, same("Or")),
  row(pow, same("Pow")),
  row(sub, same("Sub")),
  row(xor, same("Xor")),
  row(select, same("Where")),

  row(clip, (writer, { min, max }) => {
    const bound = (role: string, value: number): string =>
      Number.isFinite(value) ? writer.constant(role, tensor("f32", [], [value])) : "";
    return writer.node("Clip", [writer.operand(0), bound("min", min), bound("max", max)]);
  }),
  row(cast, (writer, { to }) => writer.node("Cast", [writer.operand(0)], { to: int(dataTypeOf(to)) })),
  row(isInf, (writer, { positive, negative }) =>
    writer.node("IsInf", [writer.operand(0)], {
      detect_positive: int(positive),
      detect_negative: int(negative),
    }),
  ),
  // Swish came to ONNX later than the operator set that is written.
  row(silu, (writer) => {
    const input = writer.operand(0);
    return writer.node("Mul", [input, writer.node("Sigmoid", [input])]);
  }),
  row(mod, (writer) =>
    isFloat(writer.value(0).type.element)
      ? writer.fail("ONNX's Mod of reals has the sign of the dividend", "write it with Floor, Mul and Sub")
      : modulo(writer, false),
  ),
  row(remainder, (writer) => modulo(writer, true)),
];

const modulo = (writer: Writer, fmod: boolean): string =>
  writer.node("Mod", [writer.operand(0), writer.operand(1)], { fmod: int(fmod) });
