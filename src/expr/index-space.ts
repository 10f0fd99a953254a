/**
 * Loops over index variables that keep linear forms of them up to date.
 *
 * A form `c + Σ f·v` lives in a slot. One step of v adds f to the slots of the forms that contain v, so an element's address costs one
 * array read instead of a sum of products. A nest of loops is run by its owner as
 *
 *     for (outer of nest.outerCount) { for (inner of nest.innerCount) { …; nest.step() }  nest.carry() }
 *
 * after which every slot is back where it was. Cached results (memos) ride along: stepping v forgets those that depend on v.
 */
import type { Affine, IndexVariable } from "./expression.ts";

export interface Nest {
  readonly innerCount: number;
  readonly outerCount: number;
  step(): void;
  carry(): void;
}

/** What one move of a nest does: slots to change by how much, memos to forget. */
interface Move {
  readonly slots: readonly number[];
  readonly deltas: readonly number[];
  readonly memos: readonly number[];
}

export class IndexSpace {
  /** Current values of the linear forms. */
  readonly slots: number[] = [];
  /** 1 where a memo holds. */
  readonly memos: number[] = [];
  readonly #initial: number[] = [];
  readonly #slotOf = new Map<string, number>();
  readonly #identities = new Map<IndexVariable, number>();
  readonly #slotsOf = new Map<IndexVariable, Map<number, number>>();
  readonly #memosOf = new Map<IndexVariable, Set<number>>();
  readonly #counters: number[][] = [];

  /** The slot that holds `form`; equal forms share one. */
  slot(form: Affine): number {
    const key = `${form.constant};${form.terms
      .map(({ variable, factor }) => `${this.#identity(variable)}*${factor}`)
      .sort()
      .join(";")}`;
    const known = this.#slotOf.get(key);
    if (known !== undefined) return known;
    const slot = this.slots.push(form.constant) - 1;
    this.#initial.push(form.constant);
    this.#slotOf.set(key, slot);
    for (const { variable, factor } of form.terms) {
      const slots = this.#slotsOf.get(variable) ?? new Map<number, number>();
      this.#slotsOf.set(variable, slots.set(slot, factor));
    }
    return slot;
  }

  /** A memo that is forgotten whenever one of `variables` moves. */
  memo(variables: Iterable<IndexVariable>): number {
    const memo = this.memos.push(0) - 1;
    for (const v of variables) {
      const memos = this.#memosOf.get(v) ?? new Set<number>();
      this.#memosOf.set(v, memos.add(memo));
    }
    return memo;
  }

  /** Loops over `variables`, outermost first; made after every slot and memo used inside them. */
  nest(variables: readonly IndexVariable[]): Nest {
    const { slots, memos } = this;
    const counters = variables.slice(0, -1).map(() => 0);
    this.#counters.push(counters);
    const extents = variables.map((v) => v.extent);
    const inner = this.#move(variables, variables.length - 1, false);
    const carries = counters.map((_, level) => this.#move(variables, level, true));
    const rewind = this.#move(variables, -1, true);

    const apply = (move: Move): void => {
      for (let i = 0; i < move.slots.length; i++) slots[move.slots[i]!]! += move.deltas[i]!;
      for (let i = 0; i < move.memos.length; i++) memos[move.memos[i]!] = 0;
    };
    return {
      innerCount: extents.at(-1) ?? 1,
      outerCount: extents.slice(0, -1).reduce((count, extent) => count * extent, 1),
      step: () => {
        apply(inner);
      },
      carry: () => {
        let level = counters.length - 1;
        while (level >= 0 && counters[level] === extents[level]! - 1) counters[level--] = 0;
        if (level < 0) apply(rewind);
        else {
          counters[level]!++;
          apply(carries[level]!);
        }
      },
    };
  }

  /** Back to the start, also after a run that threw. */
  reset(): void {
    this.#initial.forEach((value, slot) => (this.slots[slot] = value));
    this.memos.fill(0);
    for (const counters of this.#counters) counters.fill(0);
  }

  /**
   * The move that advances level `level` by one (-1: none) and takes the levels inside it back to 0. With `overshot`, the
   * innermost has run one step past its end.
   */
  #move(variables: readonly IndexVariable[], level: number, overshot: boolean): Move {
    const deltas = new Map<number, number>();
    const memos = new Set<number>();
    variables.forEach((v, at) => {
      if (at < level) return;
      const last = at === variables.length - 1;
      const steps = at === level && !(last && overshot) ? 1 : -(v.extent - (last && overshot ? 0 : 1));
      for (const [slot, factor] of this.#slotsOf.get(v) ?? [])
        deltas.set(slot, (deltas.get(slot) ?? 0) + steps * factor);
      for (const memo of this.#memosOf.get(v) ?? []) memos.add(memo);
    });
    const moved = [...deltas].filter(([, delta]) => delta !== 0);
    return { slots: moved.map(([slot]) => slot), deltas: moved.map(([, delta]) => delta), memos: [...memos] };
  }

  #identity(variable: IndexVariable): number {
    const known = this.#identities.get(variable) ?? this.#identities.size;
    this.#identities.set(variable, known);
    return known;
  }
}
