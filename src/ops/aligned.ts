/**
 * Sums of two stored operands of different scales as TensorFlow Lite's kernels compute them: both are brought to one finer scale
 * first, so that three multipliers round instead of one.
 *
 *     common = 2 max(s_a, s_b)
 *     u = R((a - za) << 20, m0, t0) ± R((b - zb) << 20, m1, t1)      of scale common / 2^20
 *     y = clamp(R(u, m2, t2), lo - zy, hi - zy) + zy
 *
 * R is `rescale` or `rescaleTwice`; m0 / 2^t0 = s_a / common, m1 / 2^t1 = s_b / common, at most 1/2; m2 / 2^t2 = common / (2^20 s_y).
 * With operands of eight bits |u| <= 2^28 + 2, so nothing overflows. `rescaled.ts` is our own form, which rounds once.
 *
 * Source: TensorFlow Lite reference/integer_ops/add.h, kernels/add.cc; CMSIS-NN's arm_elementwise_add_s8 is the same.
 */
import { add, axes, clamp, compute, i32, load, rescale, shl, sub } from "../expr/build.ts";
import type { Expression } from "../expr/expression.ts";
import { choice, ints } from "../ir/attributes.ts";
import { defineOp, type TypedOp } from "../ir/operation.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { toDyadic } from "../numerics/dyadic.ts";
import { roundings, type Rounding } from "../numerics/rounding-profile.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { broadcastIndex, broadcastPosition, broadcastShape } from "./broadcasting.ts";
import { rescaleExactly } from "./exact-rescale.ts";
import { requireRatio } from "./ratios.ts";
import { rescaleTwiceExpression } from "./twice-rounded.ts";
import { requireActivation, requireClamp, requireElement, zeroOf } from "./type-rules.ts";

const alignedAttributes = {
  multipliers: ints(3),
  shifts: ints(3),
  clamp: ints(2),
  rounding: choice(roundings, "once"),
};

export type AlignedOp = TypedOp<readonly ["lhs", "rhs"], typeof alignedAttributes>;

/** 8-bit elements are moved up by so many bits before they are rescaled. */
const headroomBits = 20;
const headroom = 2 ** headroomBits;

/** The ratios that operands and sum are rescaled by, in the order of the multipliers. */
function alignedRatios(lhs: number, rhs: number, result: number): readonly [number, number, number] {
  const common = 2 * Math.max(lhs, rhs);
  return [lhs / common, rhs / common, common / (headroom * result)];
}

/** Multipliers and shifts for the scales of two operands and their sum. */
export function alignedMultipliers(
  lhs: number,
  rhs: number,
  result: number,
): { readonly multipliers: number[]; readonly shifts: number[] } {
  const dyadics = alignedRatios(lhs, rhs, result).map(toDyadic);
  return { multipliers: dyadics.map((d) => d.multiplier), shifts: dyadics.map((d) => d.shift) };
}

export function defineAligned(name: string, doc: string, sign: 1 | -1): AlignedOp {
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %a, %b {multipliers = [1073741824, 1073741824, 1073741824], shifts = [31, 32, 49], clamp = [-128, 127]} : tensor<4xi8, 0.5:3>`,
    given: { "%a": "tensor<4xi8, 0.5:-1>", "%b": "tensor<4xi8, 0.25:0>" },
    operands: ["lhs", "rhs"],
    attrs: alignedAttributes,

    infer({ lhs, rhs }, { multipliers, shifts, clamp: limits }, fail, declared) {
      const shape = broadcastShape(lhs.shape, rhs.shape, fail);
      if (declared === undefined)
        return fail("result-type", "needs a result type, which its operands do not determine");
      if (!sameShape(declared.shape, shape))
        fail("result-type", `is declared ${formatType(declared)}, expected the shape [${shape.join(", ")}]`);
      const { scale } = requireActivation("a result", declared, fail);
      requireClamp(limits, declared.element, fail);
      requireElement("lhs", lhs, ["i8", "u8"], fail);
      requireElement("rhs", rhs, ["i8", "u8"], fail);
      const [a, b] = [requireActivation("lhs", lhs, fail), requireActivation("rhs", rhs, fail)];
      const badShift = shifts.find((s) => s < 1 || s > 62);
      if (badShift !== undefined) fail("attribute", `has shift ${badShift}, expected 1 to 62`);
      const common = 2 * Math.max(a.scale, b.scale);
      requireRatio("lhs", multipliers[0]!, shifts[0]!, a.scale, common, fail);
      requireRatio("rhs", multipliers[1]!, shifts[1]!, b.scale, common, fail);
      requireRatio("the sum", multipliers[2]!, shifts[2]!, common, headroom * scale, fail);
      return declared;
    },

    express({ lhs, rhs }, { multipliers, shifts, clamp: limits, rounding }, result) {
      const domain = axes(result.type.shape, []);
      const rescaled = (acc: Expression, i: number): Expression =>
        rescaledBy(rounding, acc, multipliers[i]!, shifts[i]!);
      const [left, right] = [lhs, rhs].map(({ tensor: operand, type }, i) => {
        const centred = sub(load(operand, broadcastIndex(type.shape, domain)), i32(zeroOf(type)));
        return rescaled(shl(centred, i32(headroomBits)), i);
      }) as [Expression, Expression];
      const total = rescaled(sign === 1 ? add(left, right) : sub(left, right), 2);
      const zero = zeroOf(result.type);
      const clamped = clamp(total, i32(limits[0]! - zero), i32(limits[1]! - zero));
      return [compute(result.tensor, domain, add(clamped, i32(zero)))];
    },

    evalStored({ lhs, rhs }, { multipliers, shifts, clamp: limits, rounding }, { operands, result }) {
      const [a, b] = [numbersOf(lhs), numbersOf(rhs)];
      const [za, zb, zy] = [operands.lhs, operands.rhs, result].map((type) =>
        BigInt(type.quantization!.zero[0]!),
      ) as [bigint, bigint, bigint];
      const by = (acc: bigint, i: number): bigint =>
        rescaleExactly(rounding, acc, multipliers[i]!, shifts[i]!);
      const y = Array.from({ length: elementCount(result.shape) }, (_, i) => {
        const p = BigInt(a[broadcastPosition(lhs.shape, result.shape, i)]!);
        const q = BigInt(b[broadcastPosition(rhs.shape, result.shape, i)]!);
        const total = by((p - za) * BigInt(headroom), 0) + BigInt(sign) * by((q - zb) * BigInt(headroom), 1);
        return Math.max(limits[0]!, Math.min(limits[1]!, Number(by(total, 2) + zy)));
      });
      return tensor(result.element, result.shape, y);
    },
  });
}

const rescaledBy = (rounding: Rounding, acc: Expression, multiplier: number, shift: number): Expression =>
  rounding === "twice"
    ? rescaleTwiceExpression(acc, [multiplier], [shift], (_, values) => i32(values[0]!))
    : rescale(acc, i32(multiplier), i32(shift));
