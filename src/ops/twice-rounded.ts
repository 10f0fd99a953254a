/**
 * `rescaleTwice` of numerics/dyadic.ts as an expression, in the one rescaling that schedules and back ends know:
 *
 *     high = rescale(acc, m, min(s, 31))        e = max(s - 31, 0)
 *     y    = rescale(high - [high < 0, e > 0], 2^(k - e), k)
 *
 * For a negative number halves away from zero are halves up of one less: (high - 1 + 2^(e-1)) >> e. The second product
 * shifts by e of its channel without a shift of its channel: (v · 2^(k-e) + 2^(k-1)) >> k = (v + 2^(e-1)) >> e, over 64 bits, so that
 * nothing can overflow. k is 30 plus the least e, for which the factor is at most 2^30. (Where one channel has e = 0 and another
 * 31 no k serves both, and the shift is the channel's.)
 */
import { add, and, i32, rescale, shr } from "../expr/build.ts";
import type { Expression } from "../expr/expression.ts";
import { pow2 } from "../numerics/float-bits.ts";

const wholeWord = 31;

/**
 * @param perChannel what a list of one number a channel, or of one for all, is in the expression
 */
export function rescaleTwiceExpression(
  acc: Expression,
  multipliers: readonly number[],
  shifts: readonly number[],
  perChannel: (name: string, values: readonly number[]) => Expression,
): Expression {
  const channelOf = (name: string, values: readonly number[]): Expression =>
    perChannel(name, values.every((x) => x === values[0]) ? values.slice(0, 1) : values);
  const first = shifts.map((shift) => Math.min(shift, wholeWord));
  const later = shifts.map((shift, i) => shift - first[i]!);
  const high = rescale(acc, channelOf("multiplier", multipliers), channelOf("shift", first));
  const [least, most] = [Math.min(...later), Math.max(...later)];
  if (most === 0) return high;
  const sign = shr(high, i32(31));
  const below =
    least > 0
      ? sign
      : and(
          sign,
          channelOf(
            "rounds",
            later.map((e) => (e > 0 ? -1 : 0)),
          ),
        );
  const shared = 30 + least;
  const units = most <= shared ? later.map((e) => pow2(shared - e)) : [2 ** 30];
  const second = most <= shared ? [shared] : later.map((e) => 30 + e);
  return rescale(add(high, below), channelOf("unit", units), channelOf("later_shift", second));
}
