/**
 * Timing beside a peer: candidates run in turn, round after round, so that a change of the machine's speed touches all alike. The quiet
 * value of a candidate is the 10th percentile of its rounds; ratios of quiet values are what may be quoted.
 */
import { performance } from "node:perf_hooks";

export interface Candidate {
  readonly name: string;
  /** Runs the work `times` times. */
  run(times: number): void;
}

export interface Measured {
  readonly name: string;
  /** Microseconds a run, 10th percentile, and the median. */
  readonly quietUs: number;
  readonly medianUs: number;
}

export function measure(candidates: readonly Candidate[], rounds = 200, roundMs = 2): Measured[] {
  const times = candidates.map((candidate) => calibrate(candidate, roundMs));
  const samples = candidates.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    candidates.forEach((candidate, i) => {
      const start = performance.now();
      candidate.run(times[i]!);
      samples[i]!.push(((performance.now() - start) * 1000) / times[i]!);
    });
  return candidates.map(({ name }, i) => {
    const sorted = samples[i]!.sort((a, b) => a - b);
    return { name, quietUs: sorted[Math.floor(rounds / 10)]!, medianUs: sorted[Math.floor(rounds / 2)]! };
  });
}

/** How many runs fill a round, after the engine has compiled the code to its best. */
function calibrate(candidate: Candidate, roundMs: number): number {
  let times = 1;
  for (let warm = 0; warm < 3;) {
    const start = performance.now();
    candidate.run(times);
    const elapsed = performance.now() - start;
    if (elapsed >= roundMs) warm++;
    else times *= 2;
  }
  return times;
}
