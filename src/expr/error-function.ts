/** The error function, as src/numerics/error-function.ts computes it. */
import { middle, nearOne, nearZero, tail } from "../numerics/error-function.ts";
import { f64 } from "./build.ts";
import { absolute, ifNumber, is, minus, negated, over, plus, times, when } from "./double-terms.ts";
import { expExpression } from "./exponential.ts";
import type { Expression } from "./expression.ts";

export function erfExpression(x: Expression): Expression {
  const a = absolute(x);
  const square = times(x, x);
  const isSmall = is(a, "lt", 0.84375);
  const small = plus(x, times(x, quotient(nearZero, when(isSmall, square, 0))));
  const belowOne = is(a, "lt", 1.25);
  const one = plus(8.45062911510467529297e-1, quotient(nearOne, when(belowOne, minus(a, 1), 0)));
  const clamped = when(is(a, "gt", 6), 6, when(is(a, "gt", 1.25), a, 1.25));
  const inverse = over(1, times(clamped, clamped));
  const exponent = when(is(clamped, "lt", 1 / 0.35), quotient(middle, inverse), quotient(tail, inverse));
  const power = expExpression(plus(minus(times(negated(clamped), clamped), 0.5625), exponent));
  const far = minus(1, over(power, clamped));
  const magnitude = when(belowOne, one, when(is(a, "lt", 6), far, 1));
  const large = when(is(x, "lt", 0), negated(magnitude), magnitude);
  return ifNumber(x, when(isSmall, small, large), x);
}

interface Rational {
  readonly p: readonly number[];
  readonly q: readonly number[];
}

function quotient({ p, q }: Rational, z: Expression): Expression {
  return over(horner(p, z), horner(q, z));
}

const horner = (coefficients: readonly number[], z: Expression): Expression =>
  coefficients
    .slice(0, -1)
    .reduceRight<Expression>((sum, c) => plus(times(sum, z), c), f64(coefficients.at(-1)!));
