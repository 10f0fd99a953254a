/**
 * Sums of two stored operands of different scales, rounded once (algorithms.md section 8):
 *
 *     y = clamp(((a - za) * m0 ± (b - zb) * m1 + 2^(shift - 1)) >> shift, lo - zy, hi - zy) + zy
 *
 * with m = round(s / s_y * 2^shift), all in i32. `infer` proves from the operands' element types that nothing overflows, so the
 * shift is as large as they allow; the error beyond the one rounding is that of the multipliers.
 */
import { add, axes, clamp, compute, i32, load, mul, shr, sub } from "../expr/build.ts";
import { ints, int } from "../ir/attributes.ts";
import { defineOp, type InferFail, type TypedOp } from "../ir/operation.ts";
import { formatType, sameShape, type TensorType } from "../ir/types.ts";
import { elementRange } from "../tensor/element-type.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { broadcastIndex, broadcastPosition, broadcastShape } from "./broadcasting.ts";
import { requireRatio } from "./ratios.ts";
import { requireActivation, requireClamp, zeroOf } from "./type-rules.ts";

const rescaledAttributes = { multipliers: ints(2), shift: int(), clamp: ints(2) };

type RescaledOp = TypedOp<readonly ["lhs", "rhs"], typeof rescaledAttributes>;

export function defineRescaled(name: string, doc: string, sign: 1 | -1): RescaledOp {
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %a, %b {multipliers = [1048576, 524288], shift = 20, clamp = [-128, 127]} : tensor<4xi8, 0.5:3>`,
    given: { "%a": "tensor<4xi8, 0.5:-1>", "%b": "tensor<4xi8, 0.25:0>" },
    operands: ["lhs", "rhs"],
    attrs: rescaledAttributes,

    infer({ lhs, rhs }, { multipliers, shift, clamp: limits }, fail, declared) {
      const shape = broadcastShape(lhs.shape, rhs.shape, fail);
      if (declared === undefined)
        return fail("result-type", "needs a result type, which its operands do not determine");
      if (!sameShape(declared.shape, shape))
        fail("result-type", `is declared ${formatType(declared)}, expected the shape [${shape.join(", ")}]`);
      const { scale } = requireActivation("a result", declared, fail);
      requireClamp(limits, declared.element, fail);
      if (shift < 1 || shift > 30) fail("attribute", `has shift ${shift}, expected 1 to 30`);
      const [a, b] = [requireActivation("lhs", lhs, fail), requireActivation("rhs", rhs, fail)];
      requireRatio("lhs", multipliers[0]!, shift, a.scale, scale, fail);
      requireRatio("rhs", multipliers[1]!, shift, b.scale, scale, fail);
      requireRoom([lhs, rhs], multipliers, shift, fail);
      return declared;
    },

    express({ lhs, rhs }, { multipliers, shift, clamp: limits }, result) {
      const domain = axes(result.type.shape, []);
      const [left, right] = [lhs, rhs].map(({ tensor: operand, type }, i) => {
        const element = load(operand, broadcastIndex(type.shape, domain));
        return mul(sub(element, i32(zeroOf(type))), i32(multipliers[i]!));
      }) as [ReturnType<typeof mul>, ReturnType<typeof mul>];
      const total = sign === 1 ? add(left, right) : sub(left, right);
      const rounded = shr(add(total, i32(2 ** (shift - 1))), i32(shift));
      const zero = zeroOf(result.type);
      const clamped = clamp(rounded, i32(limits[0]! - zero), i32(limits[1]! - zero));
      return [compute(result.tensor, domain, add(clamped, i32(zero)))];
    },

    evalStored({ lhs, rhs }, { multipliers, shift, clamp: limits }, { operands, result }) {
      const [a, b] = [numbersOf(lhs), numbersOf(rhs)];
      const [za, zb, zy] = [operands.lhs, operands.rhs, result].map((type) =>
        BigInt(type.quantization!.zero[0]!),
      ) as [bigint, bigint, bigint];
      const [m0, m1] = [BigInt(multipliers[0]!), BigInt(sign * multipliers[1]!)];
      const unit = 1n << BigInt(shift);
      const y = Array.from({ length: elementCount(result.shape) }, (_, i) => {
        const p = BigInt(a[broadcastPosition(lhs.shape, result.shape, i)]!);
        const q = BigInt(b[broadcastPosition(rhs.shape, result.shape, i)]!);
        const doubled = 2n * ((p - za) * m0 + (q - zb) * m1) + unit;
        const remainder = ((doubled % (2n * unit)) + 2n * unit) % (2n * unit);
        const stored = Number((doubled - remainder) / (2n * unit) + zy);
        return Math.max(limits[0]!, Math.min(limits[1]!, stored));
      });
      return tensor(result.element, result.shape, y);
    },
  });
}

/** Both products, their sum and the rounding constant stay within i32. */
function requireRoom(
  types: readonly TensorType[],
  multipliers: readonly number[],
  shift: number,
  fail: InferFail,
): void {
  const largest = types.reduce(
    (total, type, i) => {
      const { min, max } = elementRange(type.element);
      const zero = zeroOf(type);
      return total + Math.max(max - zero, zero - min) * multipliers[i]!;
    },
    2 ** (shift - 1),
  );
  if (largest >= 2 ** 31)
    fail(
      "overflow",
      `reaches ${largest} in i32, expected at most ${2 ** 31 - 1}`,
      "a smaller shift leaves room",
    );
}
