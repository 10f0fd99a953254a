/**
 * Channels of a graph, and which can be removed: union-find over all entries of all axes, joined by the couplings of the operations
 * (couplings.ts). What must go together is a *channel*; channels that lie in the same places of the same tensors, and so may be chosen
 * among each other, are a *dependency group*: all outputs of a convolution, say, with the weights of those that read it, or the
 * outputs of all convolutions that meet in residual sums.
 *
 * Entries of the graph's inputs and outputs, of frozen axes and of frozen couplings keep their channels. Names and order follow
 * the graph. Real graphs only.
 */
import { tensorReferences, type ReferenceOf } from "../../src/exec/express-operation.ts";
import type { TensorReference } from "../../src/expr/expression.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { couplingsOf, type Coupling, type Place, type SharedAxis } from "./couplings.ts";

/** Entries of one axis. */
export interface Slice {
  readonly value: Value;
  readonly axis: number;
  /** Ascending. */
  readonly entries: readonly number[];
}

/** How a constant's axis takes part in an operation. */
export interface ConstantAxis {
  readonly operation: Operation;
  readonly value: Value;
  readonly axis: number;
}

export interface Channel {
  readonly slices: readonly Slice[];
}

export interface DependencyGroup {
  /** What a user knows it by: the node, or the value, of its first layer. */
  readonly name: string;
  readonly channels: readonly Channel[];
  /** Weights that make the channels, and what is added or multiplied to them: biases, normalizations. */
  readonly producers: readonly ConstantAxis[];
  /** Weights that the channels are summed with. */
  readonly consumers: readonly ConstantAxis[];
  /** Computed tensors that have the channels along an axis. */
  readonly activations: readonly { readonly value: Value; readonly axis: number }[];
}

export const entriesOf = ({ slices }: Channel, value: Value, axis: number): readonly number[] =>
  slices.find((slice) => slice.value === value && slice.axis === axis)?.entries ?? [];

export function dependencyGroups(graph: Graph): DependencyGroup[] {
  const referenceOf = tensorReferences();
  const { entries, uses } = unite(graph, referenceOf);

  const valueOf = new Map(graph.values.map((value) => [referenceOf(value), value]));
  const groups = new Map<string, { channels: Channel[]; axes: ReadonlySet<string> }>();
  for (const { members, signature, axes } of entries.channels()) {
    const slices = members.flatMap(({ tensor, axis, entries: list }): Slice[] => {
      const value = valueOf.get(tensor);
      return value === undefined ? [] : [{ value, axis, entries: list }];
    });
    const group = groups.get(signature) ?? { channels: [], axes };
    groups.set(signature, group);
    group.channels.push({ slices });
  }
  const position = new Map(graph.operations.map((operation, i) => [operation, i]));
  return [...groups.values()]
    .flatMap(({ channels, axes }): DependencyGroup[] => {
      const mine = (contracted: boolean): ConstantAxis[] =>
        uses
          .filter(
            (use) =>
              use.contracted === contracted &&
              axes.has(axisKey(entries.numberOf(referenceOf(use.axis.value)), use.axis.axis)),
          )
          .map(({ axis }) => axis);
      const [producers, consumers] = [mine(false), mine(true)];
      const made = producers.find(({ value }) => value.type.shape.length > 1);
      if (made === undefined || consumers.length === 0) return [];
      const activations = channels[0]!.slices.filter(({ value }) => !isConstant(value));
      const { origin, result } = made.operation;
      return [{ name: origin ?? result.name, channels, producers, consumers, activations }];
    })
    .toSorted((a, b) => firstPosition(a, position) - firstPosition(b, position));
}

interface Use {
  readonly axis: ConstantAxis;
  readonly contracted: boolean;
}

/**
 * All entries, joined and frozen.
 *
 * Where several variables run along an axis, one of them can lose values there and the others keep theirs (couplings.ts). A variable
 * whose own axes are frozen keeps its values, and so does one that has no axis of its own beside one that has: the pixels of a flattened
 * image, the groups of a grouped convolution. That may decide about others. Where it is open to the end, nothing is lost: the axis
 * becomes one piece.
 */
function unite(
  graph: Graph,
  referenceOf: ReferenceOf,
): { readonly entries: Entries; readonly uses: readonly Use[] } {
  const entries = new Entries();
  const uses: Use[] = [];
  const representatives = new Map<Coupling, number[]>();
  const keeping = new Set<Coupling>();
  let open: SharedAxis[] = [];

  const join = (coupling: Coupling, places: readonly Place[]): void => {
    const first = representatives.get(coupling) ?? [];
    representatives.set(coupling, first);
    for (const place of places)
      for (let v = 0; v < coupling.extent; v++)
        for (const entry of place.entries(v)) {
          const id = entries.idOf(place.tensor, place.axis, entry);
          entries.unite((first[v] ??= id), id);
        }
  };
  const constants = new Map(graph.values.filter(isConstant).map((value) => [referenceOf(value), value]));
  for (const operation of graph.operations) {
    if (isConstant(operation.result)) continue;
    const { couplings, sharedAxes, frozenAxes } = couplingsOf(operation, referenceOf);
    for (const { tensor, axis, entry } of frozenAxes)
      if (entry === undefined) entries.freezeAxis(tensor, axis);
      else entries.freeze(entries.idOf(tensor, axis, entry));
    for (const coupling of couplings) {
      join(coupling, coupling.places);
      if (coupling.frozen) for (const id of representatives.get(coupling)!) entries.freeze(id);
    }
    open.push(...sharedAxes);
    const used = [
      ...couplings.flatMap(({ places, contracted }) => places.map((place) => ({ ...place, contracted }))),
      ...sharedAxes.map(({ tensor, axis, digits }) => ({
        tensor,
        axis,
        contracted: digits.some(({ coupling }) => coupling.contracted),
      })),
    ];
    for (const { tensor, axis, contracted } of used) {
      const value = constants.get(tensor);
      if (value !== undefined) uses.push({ axis: { operation, value, axis }, contracted });
    }
  }
  for (const value of [...graph.inputs, ...graph.outputs])
    value.type.shape.forEach((_, axis) => {
      entries.freezeAxis(referenceOf(value), axis);
    });

  const keeps = (coupling: Coupling): boolean =>
    coupling.frozen ||
    keeping.has(coupling) ||
    (coupling.places.length > 0 && representatives.get(coupling)!.every((id) => entries.isFrozen(id)));
  const decide = ({ tensor, axis, digits }: SharedAxis): boolean => {
    const losing = digits.filter(({ coupling }) => !keeps(coupling));
    const own = losing.filter(({ coupling }) => coupling.places.length > 0);
    const [chosen] = losing.length === 1 ? losing : own;
    if (losing.length > 1 && own.length !== 1) return false;
    if (chosen === undefined) entries.freezeAxis(tensor, axis);
    else join(chosen.coupling, [chosen.place]);
    for (const { coupling } of losing) if (coupling !== chosen?.coupling) keeping.add(coupling);
    return true;
  };
  for (let before = Infinity; open.length < before;) {
    before = open.length;
    open = open.filter((axis) => !decide(axis));
  }
  for (const { digits } of open) for (const { coupling, place } of digits) join(coupling, [place]);
  return { entries, uses };
}

const firstPosition = ({ producers }: DependencyGroup, position: ReadonlyMap<Operation, number>): number =>
  Math.min(...producers.map(({ operation }) => position.get(operation)!));

const axisKey = (tensor: number, axis: number): string => `${tensor}.${axis}`;

interface Member {
  readonly tensor: TensorReference;
  readonly axis: number;
  readonly entries: number[];
}

/** Union-find over (tensor, axis, entry). */
class Entries {
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
