/** The filter nearest to all the others is the one they can best replace, however large it is. */
import { byScore } from "./criterion.ts";
import { forEachWeight, producerWeights } from "./slice-norms.ts";

export const geometricMedian = byScore({
  name: "geometric-median",
  doc: "Σ_k ‖F_j − F_k‖₂ over the filters of a group. He et al., 'Filter pruning via geometric median', section 3.3.",
  score({ group }) {
    const filters = group.channels.map((_, channel) => {
      const weights: number[] = [];
      for (const axis of producerWeights(group.producers))
        forEachWeight(group, channel, axis, (weight) => weights.push(weight));
      return Float64Array.from(weights);
    });
    return Float64Array.from(filters, (filter) =>
      filters.reduce((sum, other) => {
        let square = 0;
        for (let i = 0; i < filter.length; i++) {
          const difference = filter[i]! - other[i]!;
          square += difference * difference;
        }
        return sum + Math.sqrt(square);
      }, 0),
    );
  },
});
