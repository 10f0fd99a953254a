/** e^x and the functions made of it, as src/numerics/exponential.ts computes them. */
import {
  absolute,
  floored,
  ifNumber,
  is,
  minus,
  negated,
  over,
  plus,
  polynomial,
  powerOfTwo,
  times,
  when,
} from "./double-terms.ts";
import { f64 } from "./build.ts";
import type { Expression } from "./expression.ts";

const ln2High = 6.9314718036912381649e-1;
const ln2Low = 1.90821492927058770002e-10;
const log2e = 1.442695040888963387;

export const expExpression = (x: Expression): Expression => expOfSumExpression(x, f64(0));

export function expOfSumExpression(x: Expression, low: Expression): Expression {
  const ordered = ifNumber(x, x, 0);
  const inside = when(is(ordered, "gt", 709.8), 709.8, when(is(ordered, "lt", -745.2), -745.2, ordered));
  const k = floored(plus(times(inside, log2e), 0.5));
  const high = minus(inside, times(k, ln2High));
  const rest = minus(times(k, ln2Low), when(is(inside, "eq", x), low, 0));
  const r = minus(high, rest);
  const t = times(r, r);
  const remez = polynomial(
    [
      1.66666666666666019037e-1, -2.77777777770155933842e-3, 6.61375632143793436117e-5,
      -1.6533902205465251539e-6, 4.13813679705723846039e-8,
    ],
    t,
  );
  const c = minus(r, times(t, remez));
  const y = minus(1, minus(minus(rest, over(times(r, c), minus(2, c))), high));
  const half = floored(times(k, 0.5));
  const result = times(times(y, powerOfTwo(half)), powerOfTwo(minus(k, half)));
  return ifNumber(x, result, x);
}

export function expm1Expression(x: Expression): Expression {
  const ordered = ifNumber(x, x, 0);
  const inside = when(is(ordered, "gt", 709.8), 709.8, when(is(ordered, "lt", -60), -60, ordered));
  const k = floored(plus(times(inside, log2e), 0.5));
  const high = minus(inside, times(k, ln2High));
  const low = times(k, ln2Low);
  const r = minus(high, low);
  const lost = minus(minus(high, r), low);
  const halfR = times(0.5, r);
  const z = times(r, halfR);
  const p = polynomial(
    [
      1, -3.33333333333331316428e-2, 1.58730158725481460165e-3, -7.93650757867487942473e-5,
      4.00821782732936239552e-6, -2.01099218183624371326e-7,
    ],
    z,
  );
  const t = minus(3, times(p, halfR));
  const ratio = over(minus(p, t), minus(6, times(r, t)));
  const e = minus(minus(times(r, minus(times(z, ratio), lost)), lost), z);
  const q = powerOfTwo(minus(k, 1));
  const result = times(2, plus(times(q, minus(r, e)), minus(q, 0.5)));
  const tiny = is(absolute(x), "lt", 5.551115123125783e-17);
  return ifNumber(x, when(tiny, x, result), x);
}

export function tanhExpression(x: Expression): Expression {
  const a = absolute(x);
  const large = is(a, "ge", 0.5);
  const t = expm1Expression(when(large, times(2, when(is(a, "gt", 22), 22, a)), times(-2, a)));
  const sum = plus(t, 2);
  const magnitude = when(large, minus(1, over(2, sum)), over(negated(t), sum));
  const signed = when(is(x, "lt", 0), negated(magnitude), magnitude);
  const tiny = is(a, "lt", 3.725290298461914e-9);
  return ifNumber(x, when(tiny, x, signed), x);
}

export function sigmoidExpression(x: Expression): Expression {
  const e = expExpression(negated(absolute(x)));
  return over(when(is(x, "lt", 0), e, 1), plus(1, e));
}
