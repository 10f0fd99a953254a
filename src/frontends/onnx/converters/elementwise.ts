/** Element-wise operators. */
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { celu } from "../../../ops/celu.ts";
import { cos } from "../../../ops/cos.ts";
import { mish } from "../../../ops/mish.ts";
import { selu } from "../../../ops/selu.ts";
import { shrink } from "../../../ops/shrink.ts";
import { sin } from "../../../ops/sin.ts";
import { thresholdedRelu } from "../../../ops/thresholded-relu.ts";
import { mod } from "../../../ops/mod.ts";
import { remainder } from "../../../ops/remainder.ts";
import { ceil } from "../../../ops/ceil.ts";
import { clip } from "../../../ops/clip.ts";
import { div } from "../../../ops/div.ts";
import { elu } from "../../../ops/elu.ts";
import { erf } from "../../../ops/erf.ts";
import { exp } from "../../../ops/exp.ts";
import { floor } from "../../../ops/floor.ts";
import { gelu } from "../../../ops/gelu.ts";
import { hardSigmoid } from "../../../ops/hard-sigmoid.ts";
import { hardSwish } from "../../../ops/hard-swish.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { log } from "../../../ops/log.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { pow } from "../../../ops/pow.ts";
import { reciprocal } from "../../../ops/reciprocal.ts";
import { relu } from "../../../ops/relu.ts";
import { round } from "../../../ops/round.ts";
import { sigmoid } from "../../../ops/sigmoid.ts";
import { sign } from "../../../ops/sign.ts";
import { silu } from "../../../ops/silu.ts";
import { softplus } from "../../../ops/softplus.ts";
import { softsign } from "../../../ops/softsign.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { sub } from "../../../ops/sub.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { Value } from "../../../ir/graph.ts";
import { isBigInteger, isFloat } from "../../../tensor/element-type.ts";
import { tensor } from "../../../tensor/tensor.ts";
import type { NodeView } from "../node-view.ts";
import { isKnown, type Operand } from "../operand.ts";
import { binary, broadcastOperands, unary, variadic, type ConverterTable } from "./converter.ts";
import { termsOf } from "./terms.ts";

export const elementwise: ConverterTable = {
  Abs: unary(abs),
  Celu: unary(celu, { alpha: 1 }),
  Ceil: unary(ceil),
  Cos: unary(cos),
  Elu: unary(elu, { alpha: 1 }),
  Erf: unary(erf),
  Exp: unary(exp),
  Floor: unary(floor),
  Gelu: unary(gelu, { approximate: "none" }),
  "com.microsoft::Gelu": unary(gelu),
  HardSigmoid: unary(hardSigmoid, { alpha: 0.2, beta: 0.5 }),
  HardSwish: unary(hardSwish),
  LeakyRelu: unary(leakyRelu, { alpha: 0.01 }),
  Log: unary(log),
  Mish: unary(mish),
  Neg: unary(neg),
  Reciprocal: unary(reciprocal),
  Relu: unary(relu),
  Round: unary(round),
  Selu: unary(selu, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }),
  Shrink: unary(shrink, { lambd: 0.5, bias: 0 }),
  Sigmoid: unary(sigmoid),
  Sign: unary(sign),
  Sin: unary(sin),
  Softplus: unary(softplus),
  Softsign: unary(softsign),
  Sqrt: unary(sqrt),
  Tanh: unary(tanh),
  ThresholdedRelu: unary(thresholdedRelu, { alpha: 1 }),

  Add: binary(add),
  Div: binary(div),
  Mul: binary(mul),
  Sub: binary(sub),
  Max: variadic(maximum),
  Min: variadic(minimum),
  Sum: variadic(add),

  Clip: convertClip,
  Mean: convertMean,
  Mod: convertMod,
  Pow: convertPow,
  PRelu: convertPRelu,
  Swish: convertSwish,
};

/** The number a known operand of one element holds. */
function scalarOf(operand: Operand | undefined): number | undefined {
  if (operand === undefined || !isKnown(operand) || operand.tensor.data.length !== 1) return undefined;
  return Number(operand.tensor.data[0]);
}

/**
 * min(max(x, low), high); the bounds are attributes before operator set 11, inputs since. Where low > high, ONNX gives high.
 * Computed bounds become operations.
 */
function convertClip(node: NodeView): Value {
  const input = node.value(0);
  if (node.opset < 11) {
    const high = node.attributes.float("max") ?? Infinity;
    const low = Math.min(node.attributes.float("min") ?? -Infinity, high);
    return node.create(clip, { input }, { min: low, max: high });
  }
  const low = node.has(1) ? scalarOf(node.operand(1)) : -Infinity;
  const high = node.has(2) ? scalarOf(node.operand(2)) : Infinity;
  if (Number.isNaN(low) || Number.isNaN(high))
    node.fail("onnx-weights", "has a bound NaN, expected a number");
  const isReal = isFloat(input.type.element);
  if (isReal && low !== undefined && high !== undefined)
    return node.create(clip, { input }, { min: Math.min(low, high), max: high });
  const above = node.has(1) ? node.create(maximum, { lhs: input, rhs: node.value(1) }, {}) : input;
  return node.has(2) ? node.create(minimum, { lhs: above, rhs: node.value(2) }, {}) : above;
}

/** Common constant exponents are simpler operators, which have integer forms. The exponent may be of any element type. */
function convertPow(node: NodeView): Value {
  const exponent = scalarOf(node.operand(1));
  const covered = node.shape(1).length <= node.shape(0).length;
  const t = termsOf(node);
  if (exponent !== undefined && covered) {
    node.attributes.ignore("axis", "broadcast");
    const input = node.value(0);
    if (exponent === 1) return input;
    if (exponent === 2) return t.times(input, input);
    if (isFloat(input.type.element) && exponent === 0.5) return t.root(input);
    if (isFloat(input.type.element) && exponent === -1) return node.create(reciprocal, { input }, {});
  }
  const [base, power] = broadcastOperands(node);
  const { element } = base.type;
  if (power.type.element === element) return node.create(pow, { lhs: base, rhs: power }, {});
  // In the wider of both, for a real exponent of an integer is not to be cut.
  const wide =
    element === "f32" && !isBigInteger(power.type.element) && power.type.element !== "f64" ? "f32" : "f64";
  return t.as(element, node.create(pow, { lhs: t.as(wide, base), rhs: t.as(wide, power) }, {}));
}

/** The sum over the number of operands. */
function convertMean(node: NodeView): Value {
  const t = termsOf(node);
  const values = node.operands.map((_, index) => node.value(index));
  return values.length === 1 ? values[0]! : t.over(values.reduce(t.plus), values.length);
}

/** Since operator set 10; reals have no other form than fmod. */
function convertMod(node: NodeView): Value {
  const truncated = node.attributes.flag("fmod") ?? false;
  const [lhs, rhs] = broadcastOperands(node);
  return node.create(truncated ? remainder : mod, { lhs, rhs }, {});
}

/** max(x, 0) + slope * min(x, 0), which has an integer form. Before operator set 7 the slopes were one for each channel, or one. */
function convertPRelu(node: NodeView): Value {
  const t = termsOf(node);
  const x = node.value(0);
  const { shape } = x.type;
  const slopes = node.shape(1);
  const channels = node.opset < 7 && slopes.length === 1 && shape.length > 2;
  const slope = channels
    ? node.reshape(node.value(1), [...slopes, ...shape.slice(2).map(() => 1)])
    : node.value(1);
  return t.plus(t.larger(x, 0), t.times(slope, t.smaller(x, 0)));
}

function convertSwish(node: NodeView): Value {
  const input = node.value(0);
  const alpha = node.attributes.float("alpha") ?? 1;
  if (alpha === 1) return node.create(silu, { input }, {});
  const scaled = node.create(
    mul,
    { lhs: input, rhs: node.constant(tensor("f32", [], [alpha]), "alpha") },
    {},
  );
  return node.create(mul, { lhs: input, rhs: node.create(sigmoid, { input: scaled }, {}) }, {});
}
