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
import { binary, broadcastOperands, since, unary, variadic, type ConverterTable } from "./converter.ts";
import { termsOf } from "./terms.ts";

export const elementwise: ConverterTable = {
  Abs: since(1, unary(abs)),
  Celu: since(12, unary(celu, { alpha: 1 })),
  Ceil: since(1, unary(ceil)),
  Cos: since(7, unary(cos)),
  Elu: since(1, unary(elu, { alpha: 1 })),
  Erf: since(9, unary(erf)),
  Exp: since(1, unary(exp)),
  Floor: since(1, unary(floor)),
  Gelu: since(20, unary(gelu, { approximate: "none" })),
  "com.microsoft::Gelu": since(1, unary(gelu)),
  HardSigmoid: since(1, unary(hardSigmoid, { alpha: 0.2, beta: 0.5 })),
  HardSwish: since(14, unary(hardSwish)),
  LeakyRelu: since(1, unary(leakyRelu, { alpha: 0.01 })),
  Log: since(1, unary(log)),
  Mish: since(18, unary(mish)),
  Neg: since(1, unary(neg)),
  Reciprocal: since(1, unary(reciprocal)),
  Relu: since(1, unary(relu)),
  Round: since(11, unary(round)),
  Selu: since(1, unary(selu, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 })),
  Shrink: since(9, unary(shrink, { lambd: 0.5, bias: 0 })),
  Sigmoid: since(1, unary(sigmoid)),
  Sign: since(9, unary(sign)),
  Sin: since(7, unary(sin)),
  Softplus: since(1, unary(softplus)),
  Softsign: since(1, unary(softsign)),
  Sqrt: since(1, unary(sqrt)),
  Tanh: since(1, unary(tanh)),
  ThresholdedRelu: since(10, unary(thresholdedRelu, { alpha: 1 })),

  Add: since(1, binary(add), "attributes broadcast and axis until 6"),
  Div: since(1, binary(div), "attributes broadcast and axis until 6"),
  Mul: since(1, binary(mul), "attributes broadcast and axis until 6"),
  Sub: since(1, binary(sub), "attributes broadcast and axis until 6"),
  Max: since(1, variadic(maximum)),
  Min: since(1, variadic(minimum)),
  Sum: since(1, variadic(add)),

  Clip: since(1, convertClip, "bounds are attributes until 10"),
  Mean: since(1, convertMean),
  Mod: since(10, convertMod),
  Pow: since(
    1,
    convertPow,
    "attributes broadcast and axis until 6; constant exponents -1, 0.5, 1 and 2 are simpler operators",
  ),
  PRelu: since(1, convertPRelu, "a slope for each channel until 6"),
  Swish: since(24, convertSwish),
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
