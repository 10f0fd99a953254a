/** ln x and ln(1 + x), as src/numerics/logarithm.ts computes them. */
import { and } from "./build.ts";
import { is, minus, over, plus, polynomial, splitExponent, times, when } from "./double-terms.ts";
import type { Expression } from "./expression.ts";
import { f64 } from "./build.ts";

const ln2High = 6.9314718036912381649e-1;
const ln2Low = 1.90821492927058770002e-10;
const sqrt2 = 1.4142135623730951;

export function logExpression(x: Expression): Expression {
  const positive = is(x, "gt", 0);
  const finite = is(x, "lt", Infinity);
  const { mantissa, exponent } = splitExponent(when(and(positive, finite), x, 1));
  const large = is(mantissa, "gt", sqrt2);
  const f = minus(when(large, times(mantissa, 0.5), mantissa), 1);
  const result = logOfParts(f, when(large, plus(exponent, 1), exponent), f64(0));
  const below = when(is(x, "eq", 0), -Infinity, NaN);
  return when(positive, when(finite, result, x), below);
}

export function log1pExpression(x: Expression): Expression {
  const above = is(x, "gt", -1);
  const bounded = is(x, "lt", Infinity);
  const inside = when(and(above, bounded), x, 0);
  const u = plus(1, inside);
  const { mantissa, exponent } = splitExponent(u);
  const large = is(mantissa, "gt", sqrt2);
  const k = when(large, plus(exponent, 1), exponent);
  const lost = over(when(is(k, "gt", 1), minus(1, minus(u, inside)), minus(inside, minus(u, 1))), u);
  const f = minus(when(large, times(mantissa, 0.5), mantissa), 1);
  const whole = is(k, "eq", 0);
  const result = logOfParts(when(whole, inside, f), k, when(whole, 0, lost));
  const finite = when(is(x, "eq", 0), x, result);
  return when(above, when(bounded, finite, x), when(is(x, "eq", -1), -Infinity, NaN));
}

function logOfParts(f: Expression, k: Expression, low: Expression): Expression {
  const s = over(f, plus(2, f));
  const z = times(s, s);
  const w = times(z, z);
  const even = times(
    w,
    polynomial([3.999999999940941908e-1, 2.222219843214978396e-1, 1.531383769920937332e-1], w),
  );
  const odd = times(
    z,
    polynomial(
      [6.66666666666673513e-1, 2.857142874366239149e-1, 1.818357216161805012e-1, 1.479819860511658591e-1],
      w,
    ),
  );
  const halfSquare = times(times(0.5, f), f);
  const series = times(s, plus(halfSquare, plus(odd, even)));
  return plus(plus(minus(plus(series, plus(times(k, ln2Low), low)), halfSquare), f), times(k, ln2High));
}
