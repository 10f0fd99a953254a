/**
 * Places buffers in one arena so that no two that live at the same time overlap.
 *
 * Greedy by size (TFLM's form, algorithms.md 14.1): the largest first, each into the lowest gap that is large enough among the placed
 * buffers it shares a moment with; ties go to the earlier, then to the order given, so that the plan is deterministic. The
 * lower bound is the largest sum of bytes alive at one moment: no plan can be smaller, and greedy usually meets it. Where it does
 * not, other orders are tried: by time, and the greedy one with neighbours swapped at random (seeded), keeping what is better.
 */
import { createRandom } from "../../src/pass/random.ts";

export interface Lifetime<T> {
  readonly item: T;
  readonly sizeBytes: number;
  readonly alignBytes: number;
  /** First and last moment it must hold its contents, inclusive. */
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan<T> {
  readonly offsetsBytes: ReadonlyMap<T, number>;
  readonly sizeBytes: number;
  readonly lowerBoundBytes: number;
}

const overlapInTime = <T>(a: Lifetime<T>, b: Lifetime<T>): boolean => a.first <= b.last && b.first <= a.last;

const alignUp = (x: number, to: number): number => Math.ceil(x / to) * to;

/** Orders tried when greedy by size misses the bound: 200 found it in 97 % of random graphs (algorithms.md 14.1). */
const attempts = 400;

export function planMemory<T>(lifetimes: readonly Lifetime<T>[]): MemoryPlan<T> {
  const lowerBoundBytes = lowerBound(lifetimes);
  const bySize = [...lifetimes].sort((a, b) => b.sizeBytes - a.sizeBytes || a.first - b.first);
  let order = bySize;
  let best = place(order);
  const consider = (candidate: readonly Lifetime<T>[]): void => {
    if (best.sizeBytes === lowerBoundBytes) return;
    const plan = place(candidate);
    if (plan.sizeBytes <= best.sizeBytes) order = [...candidate];
    if (plan.sizeBytes < best.sizeBytes) best = plan;
  };
  consider([...bySize].sort((a, b) => a.first - b.first));
  consider([...bySize].sort((a, b) => b.last - b.first - (a.last - a.first)));
  const random = createRandom(lifetimes.length);
  for (let attempt = 0; attempt < attempts && best.sizeBytes > lowerBoundBytes; attempt++) {
    const swapped = [...order];
    for (let swaps = 1 + random.integer(3); swaps > 0; swaps--) {
      const [i, j] = [random.integer(swapped.length), random.integer(swapped.length)];
      [swapped[i], swapped[j]] = [swapped[j]!, swapped[i]!];
    }
    consider(swapped);
  }
  return { ...best, lowerBoundBytes };
}

/** Each buffer in turn into the lowest gap. */
function place<T>(order: readonly Lifetime<T>[]): Omit<MemoryPlan<T>, "lowerBoundBytes"> {
  const offsetsBytes = new Map<T, number>();
  const placed: Lifetime<T>[] = [];
  let sizeBytes = 0;
  for (const lifetime of order) {
    const rivals = placed
      .filter((other) => overlapInTime(other, lifetime))
      .map((other) => {
        const start = offsetsBytes.get(other.item)!;
        return { start, end: start + other.sizeBytes };
      })
      .sort((a, b) => a.start - b.start);
    let offset = 0;
    for (const { start, end } of rivals) {
      if (offset + lifetime.sizeBytes <= start) break;
      offset = Math.max(offset, alignUp(end, lifetime.alignBytes));
    }
    offsetsBytes.set(lifetime.item, offset);
    placed.push(lifetime);
    sizeBytes = Math.max(sizeBytes, offset + lifetime.sizeBytes);
  }
  return { offsetsBytes, sizeBytes };
}

function lowerBound<T>(lifetimes: readonly Lifetime<T>[]): number {
  const moments = new Set(lifetimes.map(({ first }) => first));
  let bound = 0;
  for (const moment of moments) {
    let alive = 0;
    for (const { first, last, sizeBytes } of lifetimes)
      if (first <= moment && moment <= last) alive += sizeBytes;
    bound = Math.max(bound, alive);
  }
  return bound;
}
