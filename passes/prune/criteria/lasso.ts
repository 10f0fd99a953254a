/**
 * Which channels a consumer can do without if the others may be scaled: LASSO on what each adds.
 *
 *     min over β of  ½ ‖Σ Z_i − Σ β_i Z_i‖² + λ ‖β‖₁
 *
 * λ is raised from 0, where β = 1, and channels leave as their β becomes 0 (He, Zhang and Sun, "Channel pruning for accelerating very
 * deep neural networks", section 3.1). The path is followed by coordinate descent from the solution before, β ≥ 0, in steps of a tenth;
 * a channel that has left stays away, so that the order is one of removal. Its cost is the λ at which it left.
 */
import { channelGram } from "./channel-gram.ts";
import type { Criterion, Ranking } from "./criterion.ts";

const growth = 1.1;
const sweeps = 32;
const settled = 1e-7;

export const lasso: Criterion = {
  name: "lasso",
  doc: "The λ of a LASSO over the channels' contributions at which the channel's factor becomes 0. He, Zhang and Sun, 'Channel pruning for accelerating very deep neural networks', section 3.1.",
  needs: ["moments"],
  rank: (evidence) => lassoPath(channelGram(evidence), evidence.group.channels.length),
};

/** @param gram symmetric, size × size */
export function lassoPath(gram: Float64Array, size: number): Ranking {
  const target = Float64Array.from({ length: size }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += gram[i * size + j]!;
    return sum;
  });
  const beta = new Float64Array(size).fill(1);
  const gone = new Set<number>();
  const [order, cost]: [number[], number[]] = [[], []];
  const leave = (lambda: number): void => {
    const leaving = Array.from(beta, (value, i) => ({ value, i })).filter(
      ({ value, i }) => value === 0 && !gone.has(i),
    );
    // The least correlated with what is wanted first.
    for (const { i } of leaving.sort((a, b) => target[a.i]! - target[b.i]! || a.i - b.i)) {
      gone.add(i);
      order.push(i);
      cost.push(lambda);
    }
  };
  for (let i = 0; i < size; i++) if (!(gram[i * size + i]! > 0)) beta[i] = 0;
  leave(0);
  const largest = Math.max(...target, 0);
  for (let lambda = largest * 1e-6; gone.size < size && lambda < largest * 2; lambda *= growth) {
    descend(gram, target, beta, gone, lambda);
    leave(lambda);
  }
  for (let i = 0; i < size; i++) if (!gone.has(i)) beta[i] = 0;
  leave(2 * largest);
  return { order, cost };
}

function descend(
  gram: Float64Array,
  target: Float64Array,
  beta: Float64Array,
  gone: ReadonlySet<number>,
  lambda: number,
): void {
  const size = beta.length;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let change = 0;
    for (let i = 0; i < size; i++) {
      if (gone.has(i)) continue;
      let others = 0;
      for (let j = 0; j < size; j++) if (j !== i) others += gram[i * size + j]! * beta[j]!;
      const next = Math.max(0, target[i]! - others - lambda) / gram[i * size + i]!;
      change = Math.max(change, Math.abs(next - beta[i]!));
      beta[i] = next;
    }
    if (change < settled) return;
  }
}
