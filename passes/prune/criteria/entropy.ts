/** A channel whose answer is the same for every sample tells none from another. */
import { log } from "../../../src/numerics/elementary.ts";
import { byScore } from "./criterion.ts";

const bins = 100;

export const entropy = byScore({
  name: "entropy",
  doc: "−Σ p log p of the channel's mean over a sample, in 100 bins over the samples. Luo and Wu, 'An entropy-based pruning method for CNN compression', section 3.2.",
  needs: ["statistics"],
  score: ({ statistics }) => Float64Array.from(statistics, ({ means }) => entropyOf(means)),
});

export function entropyOf(values: readonly number[]): number {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(high > low)) return 0;
  const counts = new Float64Array(bins);
  for (const value of values)
    counts[Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low)))]!++;
  let sum = 0;
  for (const count of counts) if (count > 0) sum -= (count / values.length) * log(count / values.length);
  return sum;
}
