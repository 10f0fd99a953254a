/**
 * A mean of stored elements that is rounded where it is taken, as TensorFlow Lite's and CMSIS-NN's average pooling does: the integers
 * themselves are averaged, whatever their zero point, and halves go away from the integer 0.
 *
 *     S = Σ q      y = (S > 0 ? S + ⌊n/2⌋ : S - ⌊n/2⌋) / n, towards zero
 *
 * No division is left of it. With t = ±1, the sign of S (0 counts as negative), for even n and t = 0 for odd n,
 *
 *     y = ⌊(2S + t) / 2n + 1/2⌋ = rescale(2S + t, m, s),  m = round(2^s / 2n)
 *
 * Even n: 2S + t lies on S's side of a tie and reaches none, as it is odd. Odd n has no ties. In both, (2S + t + n) / 2n has an odd
 * numerator, so it is at least 1 / 2n from an integer, and the multiplier's error is smaller if (2|S| + 1) · n < 2^s, which
 * `requireRoundable` asks for.
 *
 * Source: TensorFlow Lite reference/integer_ops/pooling.h, AveragePool; CMSIS-NN arm_avgpool_s8.c.
 */
import { add, and, i32, mul, or, rescale, shr, sub } from "../expr/build.ts";
import type { Expression } from "../expr/expression.ts";
import type { InferFail } from "../ir/operation.ts";
import { pow2 } from "../numerics/float-bits.ts";
import { toDyadic } from "../numerics/dyadic.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { elementRange, type ElementType } from "../tensor/element-type.ts";

/** The shift that serves all counts: the least count's. */
const sharedShift = (counts: readonly number[]): number => toDyadic(1 / (2 * Math.min(...counts))).shift;

export function requireRoundable(element: ElementType, counts: readonly number[], fail: InferFail): void {
  const { min, max } = elementRange(element);
  const most = Math.max(...counts);
  const doubled = 2 * Math.max(-min, max) * most + 1;
  if (doubled >= 2 ** 31 || doubled * most >= pow2(sharedShift(counts)))
    fail("integer-form", `averages ${most} elements of ${element}, too many to round at once`);
}

/**
 * The stored mean, of the operand's quantization.
 *
 * @param centred Σ (q - zero) over `counts` elements
 * @param counts of elements, one for all or one for each position
 * @param perPosition what a list of one number a position is in the expression; not asked for with one count
 */
export function roundedMean(
  centred: Expression,
  zero: number,
  counts: readonly number[],
  perPosition?: (name: string, values: readonly number[]) => Expression,
): Expression {
  const alike = counts.every((n) => n === counts[0]);
  const own = alike ? counts.slice(0, 1) : counts;
  const at = (name: string, values: readonly number[]): Expression =>
    alike ? i32(values[0]!) : perPosition!(name, values);
  const shift = sharedShift(own);
  const total =
    zero === 0
      ? centred
      : add(
          centred,
          at(
            "zeros",
            own.map((n) => n * zero),
          ),
        );
  const sign = or(shr(sub(total, i32(1)), i32(31)), i32(1));
  const doubled = mul(total, i32(2));
  const off = own.every((n) => n % 2 === 1)
    ? doubled
    : add(
        doubled,
        own.every((n) => n % 2 === 0)
          ? sign
          : and(
              sign,
              at(
                "even",
                own.map((n) => (n % 2) - 1),
              ),
            ),
      );
  const multipliers = own.map((n) => roundHalfAwayFromZero(pow2(shift) / (2 * n)));
  return rescale(off, at("multiplier", multipliers), i32(shift));
}
