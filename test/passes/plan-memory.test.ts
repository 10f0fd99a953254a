import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planMemory, type Lifetime, type MemoryPlan } from "../../passes/memory/plan-memory.ts";

const life = (
  item: string,
  sizeBytes: number,
  first: number,
  last: number,
  alignBytes = 1,
): Lifetime<string> => ({
  item,
  sizeBytes,
  alignBytes,
  first,
  last,
});

/** Independent of the planner: no two buffers that share a moment share a byte. */
function overlaps(lifetimes: readonly Lifetime<string>[], plan: MemoryPlan<string>): string[] {
  const found: string[] = [];
  for (const a of lifetimes)
    for (const b of lifetimes) {
      if (a.item >= b.item || a.last < b.first || b.last < a.first) continue;
      const [x, y] = [plan.offsetsBytes.get(a.item)!, plan.offsetsBytes.get(b.item)!];
      if (x < y + b.sizeBytes && y < x + a.sizeBytes) found.push(`${a.item} and ${b.item}`);
    }
  return found;
}

/** The best plan of all, by trying every order. */
function exhaustive(lifetimes: readonly Lifetime<string>[]): number {
  if (lifetimes.length === 0) return 0;
  const lowest = (order: readonly Lifetime<string>[]): number => {
    const placed: { life: Lifetime<string>; at: number }[] = [];
    for (const each of order) {
      let at = 0;
      for (;;) {
        const hit = placed.find(
          ({ life: other, at: start }) =>
            other.first <= each.last &&
            each.first <= other.last &&
            at < start + other.sizeBytes &&
            start < at + each.sizeBytes,
        );
        if (hit === undefined) break;
        at = hit.at + hit.life.sizeBytes;
      }
      placed.push({ life: each, at });
    }
    return Math.max(...placed.map(({ life: { sizeBytes }, at }) => at + sizeBytes));
  };
  const orders = (rest: readonly Lifetime<string>[]): Lifetime<string>[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((head) => orders(rest.filter((x) => x !== head)).map((tail) => [head, ...tail]));
  return Math.min(...orders(lifetimes).map(lowest));
}

const randomLifetimes = fc
  .array(fc.record({ size: fc.integer({ min: 1, max: 64 }), first: fc.nat(8), length: fc.nat(4) }), {
    maxLength: 6,
  })
  .map((list) => list.map(({ size, first, length }, i) => life(`b${i}`, size, first, first + length)));

describe("the memory plan", () => {
  test("a chain needs its two largest neighbours", () => {
    const chain = [life("a", 10, 0, 1), life("b", 30, 1, 2), life("c", 20, 2, 3)];
    const plan = planMemory(chain);
    expect(plan.sizeBytes).toBe(50);
    expect(plan.lowerBoundBytes).toBe(50);
  });

  test("alignment is kept", () => {
    const plan = planMemory([life("a", 5, 0, 1), life("b", 8, 0, 1, 4)]);
    expect(plan.offsetsBytes.get("b")! % 4).toBe(0);
    expect(overlaps([life("a", 5, 0, 1), life("b", 8, 0, 1, 4)], plan)).toEqual([]);
  });

  test("greedy by size alone misses the bound here; another order meets it", () => {
    const tricky = [
      life("a", 4, 0, 2),
      life("b", 4, 2, 4),
      life("c", 3, 0, 0),
      life("d", 6, 4, 5),
      life("e", 3, 1, 3),
    ];
    const plan = planMemory(tricky);
    expect(plan.sizeBytes).toBe(exhaustive(tricky));
  });

  test("random plans: no overlap, never under the bound, the best there is", () => {
    fc.assert(
      fc.property(randomLifetimes, (lifetimes) => {
        const plan = planMemory(lifetimes);
        expect(overlaps(lifetimes, plan)).toEqual([]);
        expect(plan.sizeBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
        expect(plan.sizeBytes).toBe(exhaustive(lifetimes));
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  test("the same lifetimes give the same plan", () => {
    const lifetimes = Array.from({ length: 20 }, (_, i) =>
      life(`b${i}`, 1 + ((i * 37) % 50), i % 7, (i % 7) + (i % 4)),
    );
    expect(planMemory(lifetimes)).toEqual(planMemory(lifetimes));
  });
});
