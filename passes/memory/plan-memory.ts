/**
 * Places buffers in one arena so that no two that live at the same time overlap.
 *
 * Greedy by size (TFLM's form, algorithms.md 14.1): the largest first, each into the lowest gap that is large enough among the placed
 * buffers it shares a moment with; ties go to the earlier, then to the order given, so that the plan is deterministic. The
 * lower bound is the largest sum of bytes alive at one moment: no plan can be smaller, and greedy usually meets it.
 */
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

export function planMemory<T>(lifetimes: readonly Lifetime<T>[]): MemoryPlan<T> {
  const offsetsBytes = new Map<T, number>();
  const order = lifetimes
    .map((lifetime, position) => ({ lifetime, position }))
    .sort(
      (a, b) =>
        b.lifetime.sizeBytes - a.lifetime.sizeBytes ||
        a.lifetime.first - b.lifetime.first ||
        a.position - b.position,
    );
  const placed: Lifetime<T>[] = [];
  let sizeBytes = 0;
  for (const { lifetime } of order) {
    const rivals = placed
      .filter((other) => overlapInTime(other, lifetime))
      .map((other) => ({
        start: offsetsBytes.get(other.item)!,
        end: offsetsBytes.get(other.item)! + other.sizeBytes,
      }))
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
  return { offsetsBytes, sizeBytes, lowerBoundBytes: lowerBound(lifetimes) };
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
