/** What hardly varies is a constant, which the next bias can hold. */
import { byScore } from "./criterion.ts";

export const outputVariance = byScore({
  name: "output-variance",
  doc: "Variance of the channel's values over samples and positions. After Polyak and Wolf, 'Channel-level acceleration of deep face representations', section 3.",
  needs: ["statistics"],
  score: ({ statistics }) =>
    Float64Array.from(statistics, ({ count, sum, sumOfSquares }) =>
      count > 0 ? Math.max(0, sumOfSquares / count - (sum / count) * (sum / count)) : 0,
    ),
});
