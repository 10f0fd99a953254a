/**
 * Entries of tensors that can only be removed together: joined by the couplings of the operations (couplings.ts), frozen where a result
 * would change.
 *
 * Where several variables run along an axis, one of them can lose values while the others keep theirs. A variable whose own axes are frozen keeps its values, and so does one that has no axis of its own beside one that has: the pixels of a flattened
 * image, the groups of a grouped convolution. That may decide about others. Where it stays open, entries that go together for another
 * reason tell (a shuffle after a grouped convolution), or else the axis becomes one piece, which is never wrong.
 */
import type { ReferenceOf } from "../../src/exec/express-operation.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { couplingsOf, type Coupling, type Digit, type Place, type SharedAxis } from "./couplings.ts";
import { Entries } from "./entries.ts";

/** How a constant's axis takes part in an operation. */
export interface ConstantAxis {
  readonly operation: Operation;
  readonly value: Value;
  readonly axis: number;
}

export interface Use {
  readonly axis: ConstantAxis;
  readonly contracted: boolean;
}

export function uniteEntries(
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
  const choose = ({ tensor, axis, digits }: SharedAxis, chosen: Digit | undefined): void => {
    if (chosen === undefined) entries.freezeAxis(tensor, axis);
    else join(chosen.coupling, [chosen.place]);
    for (const { coupling } of digits) {
      if (coupling === chosen?.coupling || keeps(coupling)) continue;
      keeping.add(coupling);
      for (const id of representatives.get(coupling) ?? []) entries.freeze(id);
    }
  };
  const decide = (shared: SharedAxis): boolean => {
    const losing = shared.digits.filter(({ coupling }) => !keeps(coupling));
    const own = losing.filter(({ coupling }) => coupling.places.length > 0);
    if (losing.length > 1 && own.length !== 1) return false;
    choose(shared, losing.length === 1 ? losing[0] : own[0]);
    return true;
  };
  const isJoined = ({ coupling: { extent }, place }: Digit): boolean =>
    Array.from({ length: extent }, (_, v) => place.entries(v)).every((at) =>
      at.every((entry) =>
        entries.isJoined(
          entries.idOf(place.tensor, place.axis, at[0]!),
          entries.idOf(place.tensor, place.axis, entry),
        ),
      ),
    );
  while (open.length > 0) {
    const left = open.filter((shared) => !decide(shared));
    if (left.length === open.length) {
      const at = left.findIndex(({ digits }) => digits.some(isJoined));
      if (at < 0) break;
      const [shared] = left.splice(at, 1);
      choose(shared!, shared!.digits.find(isJoined));
    }
    open = left;
  }
  for (const { digits } of open) for (const { coupling, place } of digits) join(coupling, [place]);
  return { entries, uses };
}
