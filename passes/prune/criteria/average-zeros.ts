/** A channel that a rectifier nearly always closes says little. */
import { byScore } from "./criterion.ts";

export const averageZeros = byScore({
  name: "apoz",
  doc: "Share of values other than zero after the activation: one less the average percentage of zeros. Hu et al., 'Network trimming', section 3.1.",
  needs: ["statistics"],
  score: ({ statistics }) =>
    Float64Array.from(statistics, ({ count, zeros }) => (count > 0 ? 1 - zeros / count : 0)),
});
