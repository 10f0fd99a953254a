/** x^y, as src/numerics/power.ts computes it. */
import { and, f64, or } from "./build.ts";
import {
  absolute,
  floored,
  is,
  minus,
  negated,
  over,
  plus,
  splitExponent,
  times,
  when,
} from "./double-terms.ts";
import { expOfSumExpression } from "./exponential.ts";
import type { Expression } from "./expression.ts";

/** The unevaluated sum of two doubles. */
interface Pair {
  readonly high: Expression;
  readonly low: Expression;
}

const pair = (high: number, low: number): Pair => ({ high: f64(high), low: f64(low) });

export function powExpression(x: Expression, y: Expression): Expression {
  const a = absolute(x);
  const ordered = when(is(y, "eq", y), y, 0);
  const exponent = when(
    is(ordered, "gt", 2 ** 70),
    2 ** 70,
    when(is(ordered, "lt", -(2 ** 70)), -(2 ** 70), ordered),
  );
  const usable = and(is(a, "gt", 0), is(a, "lt", Infinity));
  const product = timesPair(logOfPair(when(usable, a, 1)), { high: exponent, low: f64(0) });
  const finite = expOfSumExpression(product.high, product.low);
  const rising = is(y, "gt", 0);
  const atZero = when(rising, 0, Infinity);
  const atInfinity = when(rising, Infinity, 0);
  const bounded = is(a, "lt", Infinity);
  const magnitude = when(is(a, "eq", 0), atZero, when(bounded, finite, atInfinity));

  const integer = is(floored(y), "eq", y);
  const half = times(y, 0.5);
  const odd = and(integer, is(floored(half), "ne", half));
  const below = is(x, "lt", 0);
  const negative = or(below, is(over(1, x), "lt", 0));
  const signed = when(and(negative, odd), negated(magnitude), magnitude);
  const fraction = is(floored(y), "ne", y);
  const unordered = or(is(x, "ne", x), is(y, "ne", y));
  const undefinedHere = or(unordered, and(and(below, bounded), fraction));
  return when(or(is(y, "eq", 0), is(x, "eq", 1)), 1, when(undefinedHere, NaN, signed));
}

function logOfPair(x: Expression): Pair {
  const { mantissa, exponent } = splitExponent(x);
  const large = is(mantissa, "gt", 1.4142135623730951);
  const m = when(large, times(mantissa, 0.5), mantissa);
  const k = when(large, plus(exponent, 1), exponent);
  const f = minus(m, 1);
  const sum = plus(m, 1);
  const sumLow = minus(m, minus(sum, 1));
  const high = over(f, sum);
  const product = timesExactly(high, sum);
  const rest = minus(minus(minus(f, product.high), product.low), times(high, sumLow));
  const s: Pair = { high, low: over(rest, sum) };

  const square = timesPair(s, s);
  const cube = timesPair(s, square);
  const z = square.high;
  let series: Expression = f64(1 / 29);
  for (let n = 27; n >= 5; n -= 2) series = plus(1 / n, times(z, series));
  const fifth = times(times(cube.high, z), series);
  const cubic = timesPair(cube, pair(0.3333333333333333, 1.850371707708594e-17));
  const odd = plusPair(s, plusPair(cubic, { high: fifth, low: f64(0) }));
  const whole = timesPair(pair(0.6931471805599453, 2.3190468138462996e-17), { high: k, low: f64(0) });
  return plusPair(whole, { high: times(2, odd.high), low: times(2, odd.low) });
}

function timesExactly(a: Expression, b: Expression): Pair {
  const high = times(a, b);
  const ca = times(134217729, a);
  const cb = times(134217729, b);
  const aHigh = minus(ca, minus(ca, a));
  const bHigh = minus(cb, minus(cb, b));
  const aLow = minus(a, aHigh);
  const bLow = minus(b, bHigh);
  const upper = plus(minus(times(aHigh, bHigh), high), times(aHigh, bLow));
  return { high, low: plus(plus(upper, times(aLow, bHigh)), times(aLow, bLow)) };
}

function timesPair(a: Pair, b: Pair): Pair {
  const product = timesExactly(a.high, b.high);
  const low = plus(product.low, plus(times(a.high, b.low), times(a.low, b.high)));
  const high = plus(product.high, low);
  return { high, low: minus(low, minus(high, product.high)) };
}

function plusPair(a: Pair, b: Pair): Pair {
  const sum = plus(a.high, b.high);
  const fromB = minus(sum, a.high);
  const error = plus(minus(a.high, minus(sum, fromB)), minus(b.high, fromB));
  const low = plus(error, plus(a.low, b.low));
  const high = plus(sum, low);
  return { high, low: minus(low, minus(high, sum)) };
}
