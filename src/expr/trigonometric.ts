/** Sine and cosine as expressions: numerics/trigonometric.ts, operation by operation. */
import { absolute, floored, is, minus, negated, plus, times, when } from "./double-terms.ts";
import { or } from "./build.ts";
import type { Expression } from "./expression.ts";

const twoOverPi = 6.36619772367581382433e-1;
const halfPiFirst = 1.57079632673412561417;
const halfPiSecond = 6.0771005063039659766e-11;
const halfPiThird = 2.02226624879595063154e-21;
const quarterPi = 0.7853981633974483;

export const sinExpression = (x: Expression): Expression => {
  const value = sinOfQuadrant(x, 0);
  return when(is(x, "eq", 0), x, value); // keeps -0
};

export const cosExpression = (x: Expression): Expression => sinOfQuadrant(x, 1);

/** sin(x + shift pi/2). */
function sinOfQuadrant(x: Expression, shift: number): Expression {
  const isFinite = is(minus(x, x), "eq", 0);
  const finite = when(isFinite, x, 0);
  const n = floored(plus(times(finite, twoOverPi), 0.5));
  const a = minus(finite, times(n, halfPiFirst));
  const b = times(negated(n), halfPiSecond);
  const sum = plus(a, b);
  const fromB = minus(sum, a);
  const lost = minus(plus(minus(a, minus(sum, fromB)), minus(b, fromB)), times(n, halfPiThird));
  const nearest = plus(sum, lost);
  const inside = is(absolute(nearest), "lt", 0.79);
  const r = when(inside, nearest, when(is(nearest, "lt", 0), -quarterPi, quarterPi));
  const rest = when(inside, minus(lost, minus(nearest, sum)), 0);

  const turned = plus(n, shift);
  const quadrant = minus(turned, times(4, floored(times(turned, 0.25))));
  const even = or(is(quadrant, "eq", 0), is(quadrant, "eq", 2));
  const value = when(even, sinNearZero(r, rest), cosNearZero(r, rest));
  const signed = when(is(quadrant, "ge", 2), negated(value), value);
  return when(isFinite, signed, NaN);
}

function sinNearZero(x: Expression, low: Expression): Expression {
  const z = times(x, x);
  const v = times(z, x);
  const inner = plus(-2.50507602534068634195e-8, times(z, 1.58969099521155010221e-10));
  const outer = plus(-1.98412698298579493134e-4, times(z, plus(2.75573137070700676789e-6, times(z, inner))));
  const r = plus(8.33333333332248946124e-3, times(z, outer));
  const corrected = minus(times(z, minus(times(0.5, low), times(v, r))), low);
  return minus(x, minus(corrected, times(v, -1.66666666666666324348e-1)));
}

function cosNearZero(x: Expression, low: Expression): Expression {
  const z = times(x, x);
  const w = times(z, z);
  const lower = times(
    z,
    plus(
      4.16666666666666019037e-2,
      times(z, plus(-1.38888888888741095749e-3, times(z, 2.48015872894767294178e-5))),
    ),
  );
  const tail = plus(2.0875723212981748279e-9, times(z, -1.13596475577881948265e-11));
  const upper = times(w, plus(-2.75573143513906633035e-7, times(z, tail)));
  const r = plus(lower, upper);
  const half = times(0.5, z);
  const first = minus(1, half);
  return plus(first, plus(minus(minus(1, first), half), minus(times(z, r), times(x, low))));
}
