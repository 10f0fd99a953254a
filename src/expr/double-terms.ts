/** Short words for f64 expressions, in which src/expr states the elementary functions. */
import { add, compare, div, f64, mul, select, sub, unary } from "./build.ts";
import type { CompareOperator, Expression } from "./expression.ts";

type Term = Expression | number;

const term = (x: Term): Expression => (typeof x === "number" ? f64(x) : x);

export const plus = (a: Term, b: Term): Expression => add(term(a), term(b));
export const minus = (a: Term, b: Term): Expression => sub(term(a), term(b));
export const times = (a: Term, b: Term): Expression => mul(term(a), term(b));
export const over = (a: Term, b: Term): Expression => div(term(a), term(b));
export const negated = (a: Term): Expression => unary("neg", term(a));
export const absolute = (a: Term): Expression => unary("abs", term(a));
export const floored = (a: Term): Expression => unary("floor", term(a));
export const powerOfTwo = (a: Term): Expression => unary("pow2", term(a));
export const is = (a: Term, operator: CompareOperator, b: Term): Expression =>
  compare(operator, term(a), term(b));
/** Both arms are evaluated, and harmless. */
export const when = (condition: Expression, yes: Term, no: Term): Expression =>
  select(condition, term(yes), term(no));
export const ifNumber = (x: Expression, yes: Term, otherwise: Term): Expression =>
  when(is(x, "eq", x), yes, otherwise);

/** The coefficients of a polynomial, lowest first, by Horner's rule without a step for the last. */
export const polynomial = (coefficients: readonly number[], z: Expression): Expression =>
  coefficients
    .slice(0, -1)
    .reduceRight<Expression>((sum, c) => plus(c, times(z, sum)), f64(coefficients.at(-1)!));

/** `x = mantissa * 2^exponent`, for positive finite x; subnormal ones are scaled up by 2^54 first. */
export function splitExponent(x: Expression): { mantissa: Expression; exponent: Expression } {
  const subnormal = is(x, "lt", 2.2250738585072014e-308);
  const normal = when(subnormal, times(x, 18014398509481984), x);
  const exponent = minus(unary("exponent", normal), when(subnormal, 54, 0));
  return { mantissa: unary("significand", normal), exponent };
}
