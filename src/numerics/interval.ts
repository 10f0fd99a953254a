/** Confidence intervals for what is measured by counting. */

/**
 * Wilson's score interval for a proportion: the p for which the observed proportion lies within z standard errors.
 * Unlike the normal interval it stays within [0, 1] and is honest for few samples. Source: Wilson 1927.
 *
 * @param z standard normal quantile; 1.96 gives 95 %
 * @returns bounds in [0, 1]; the whole of it when n is 0
 * @throws internal, unless 0 <= successes <= n
 */
export function wilson(
  successes: number,
  n: number,
  z = 1.96,
): { readonly low: number; readonly high: number } {
  if (!(successes >= 0 && successes <= n)) throw new Error(`internal: ${successes} successes of ${n}`);
  if (n === 0) return { low: 0, high: 1 };
  const proportion = successes / n;
  const zSquared = z * z;
  const denominator = 1 + zSquared / n;
  const centre = (proportion + zSquared / (2 * n)) / denominator;
  const variance = (proportion * (1 - proportion)) / n + zSquared / (4 * n * n);
  const half = (z * Math.sqrt(variance)) / denominator;
  // The bound is exactly 0 or 1 at the ends, where rounding would leave it a hair off.
  const low = successes === 0 ? 0 : Math.max(0, centre - half);
  const high = successes === n ? 1 : Math.min(1, centre + half);
  return { low, high };
}
