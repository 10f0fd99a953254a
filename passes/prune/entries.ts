/** Union-find over the entries of all axes of all tensors, some of which must stay. */
import type { TensorReference } from "../../src/expr/expression.ts";

export const axisKey = (tensor: number, axis: number): string => `${tensor}.${axis}`;

export interface Member {
  readonly tensor: TensorReference;
  readonly axis: number;
  readonly entries: number[];
}

export class Entries {
  readonly #tensors: TensorReference[] = [];
  /** Where the entries of each axis begin. */
  readonly #first = new Map<TensorReference, { readonly number: number; readonly axes: readonly number[] }>();
  readonly #parent: number[] = [];
  readonly #frozen: boolean[] = [];

  numberOf(tensor: TensorReference): number {
    return this.#enter(tensor).number;
  }

  idOf(tensor: TensorReference, axis: number, entry: number): number {
    return this.#enter(tensor).axes[axis]! + entry;
  }

  unite(a: number, b: number): void {
    const [rootA, rootB] = [this.#find(a), this.#find(b)];
    if (rootA === rootB) return;
    const [low, high] = rootA < rootB ? [rootA, rootB] : [rootB, rootA];
    this.#parent[high] = low;
    this.#frozen[low] ||= this.#frozen[high]!;
  }

  freeze(id: number): void {
    this.#frozen[this.#find(id)] = true;
  }

  isJoined(a: number, b: number): boolean {
    return this.#find(a) === this.#find(b);
  }

  isFrozen(id: number): boolean {
    return this.#frozen[this.#find(id)]!;
  }

  freezeAxis(tensor: TensorReference, axis: number): void {
    for (let entry = 0; entry < tensor.shape[axis]!; entry++) this.freeze(this.idOf(tensor, axis, entry));
  }

  /** What can be removed, in order of its first entry. The signature tells in which axes a channel has how many entries. */
  *channels(): Iterable<{
    readonly members: readonly Member[];
    readonly signature: string;
    readonly axes: ReadonlySet<string>;
  }> {
    const found = new Map<number, Member[]>();
    for (const tensor of this.#tensors)
      tensor.shape.forEach((extent, axis) => {
        for (let entry = 0; entry < extent; entry++) {
          const root = this.#find(this.idOf(tensor, axis, entry));
          if (this.#frozen[root]) continue;
          const members = found.get(root) ?? [];
          found.set(root, members);
          const last = members.at(-1);
          if (last?.tensor === tensor && last.axis === axis) last.entries.push(entry);
          else members.push({ tensor, axis, entries: [entry] });
        }
      });
    for (const members of found.values()) {
      const keys = members.map(({ tensor, axis }) => axisKey(this.numberOf(tensor), axis));
      const signature = members.map((m, i) => `${keys[i]!}x${m.entries.length}`).join();
      yield { members, signature, axes: new Set(keys) };
    }
  }

  #find(id: number): number {
    let root = id;
    while (this.#parent[root] !== root) {
      this.#parent[root] = this.#parent[this.#parent[root]!]!;
      root = this.#parent[root]!;
    }
    return root;
  }

  #enter(tensor: TensorReference): { readonly number: number; readonly axes: readonly number[] } {
    const known = this.#first.get(tensor);
    if (known !== undefined) return known;
    const axes = tensor.shape.map((extent) => {
      const first = this.#parent.length;
      for (let entry = 0; entry < extent; entry++) {
        this.#parent.push(first + entry);
        this.#frozen.push(false);
      }
      return first;
    });
    const made = { number: this.#tensors.push(tensor) - 1, axes };
    this.#first.set(tensor, made);
    return made;
  }
}
