/**
 * What of a value has an effect. A clamp behind a sum y + x, as the relu at the end of a residual branch, gives `low` wherever the sum is at
 * most `low`: there any other y of at most low - x would do as well. The range of y need hold only the nearest of these to zero,
 *
 *     y where y + x > low, else min(0, low - x)
 *
 * and its steps are the finer for it. Where low ≥ 0 both terms may have such ranges at once. If one is below its range, it becomes the range's
 * lower end, which is at most low - x; if both are, each becomes an end of at most 0, and their sum is at most 0 ≤ low. For bounds from above
 * there is no such argument, and they are not looked at.
 */
import type { Graph, Value } from "../../src/ir/graph.ts";
import { isConstant, onlyUser } from "../../src/ir/match.ts";
import { sameShape } from "../../src/ir/types.ts";
import { boundsAfter } from "../../src/measure/layer-aims.ts";
import { add } from "../../src/ops/add.ts";
import type { Plan } from "./plan.ts";

/** Called back with numbers of a value, valid during the call. */
export type SeeValues = (name: string, numbers: ArrayLike<number>) => void;

/** Shows what has an effect of the values that an inference shows it. */
export class EffectiveValues {
  readonly #sums: readonly ClampedSum[];

  /** Not of states, which other steps read too. An input's range holds all, for its numbers are made elsewhere. */
  constructor(graph: Graph, plan: Plan) {
    const mayCut = (value: Value): boolean => {
      const group = plan.groupOf(value);
      if (group === undefined || group.width === "state") return false;
      return value.producer !== undefined && onlyUser(graph, value) !== undefined;
    };
    this.#sums = graph.operations.flatMap((operation) => {
      const [a, b] = operation.operands;
      if (operation.definition !== add || a === b || [a!, b!].some(isConstant)) return [];
      if (!sameShape(a!.type.shape, b!.type.shape)) return [];
      const { low } = boundsAfter(graph, operation.result);
      const cut = [a!, b!].filter(mayCut);
      if (cut.length === 0 || low < 0) return [];
      return [new ClampedSum(a!.name, b!.name, new Set(cut.map(({ name }) => name)), low)];
    });
  }

  /** What has to be shown to know what has an effect. */
  get names(): readonly string[] {
    return this.#sums.flatMap(({ first, second }) => [first, second]);
  }

  isCut(name: string): boolean {
    return this.#sums.some(({ cut }) => cut.has(name));
  }

  /** Passes on what is not cut, and of what is cut that which has an effect, once the other term is shown. */
  show(name: string, numbers: ArrayLike<number>, see: SeeValues): void {
    if (!this.isCut(name)) see(name, numbers);
    for (const sum of this.#sums) sum.show(name, numbers, see);
  }
}

/** The term that is shown first waits for the other. */
class ClampedSum {
  readonly first: string;
  readonly second: string;
  readonly cut: ReadonlySet<string>;
  readonly #low: number;
  readonly #waiting = new Map<string, Float64Array>();

  constructor(first: string, second: string, cut: ReadonlySet<string>, low: number) {
    this.first = first;
    this.second = second;
    this.cut = cut;
    this.#low = low;
  }

  show(name: string, numbers: ArrayLike<number>, see: SeeValues): void {
    if (name !== this.first && name !== this.second) return;
    const other = name === this.first ? this.second : this.first;
    const others = this.#waiting.get(other);
    if (others === undefined) {
      this.#waiting.set(name, Float64Array.from(numbers));
      return;
    }
    this.#waiting.delete(other);
    if (this.cut.has(name)) see(name, effectiveValues(numbers, others, this.#low));
    if (this.cut.has(other)) see(other, effectiveValues(others, numbers, this.#low));
  }
}

/** Of the first beside the others. What is not finite is never cut, nor is anything beside it: calibration has to see it. */
export const effectiveValues = (
  values: ArrayLike<number>,
  others: ArrayLike<number>,
  low: number,
): Float64Array =>
  Float64Array.from(values, (y, i) => {
    const x = others[i]!;
    return Number.isFinite(y) && Number.isFinite(x) && y + x <= low ? Math.min(0, low - x) : y;
  });
