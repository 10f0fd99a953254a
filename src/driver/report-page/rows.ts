/**
 * The layers of a report as a reader sees them: an operation that leaves wide accumulators and the one that rescales them to
 * few bits are one row, as they are one kernel in every program.
 */
import type { LayerRecord } from "../report.ts";

export interface Row {
  /** In order; the last one's result is the row's. */
  readonly layers: readonly LayerRecord[];
  readonly operators: string;
  /** Its result. */
  readonly result: LayerRecord;
  /** Names of what it reads: results of other rows, or inputs of the network. */
  readonly inputs: readonly string[];
  readonly weightBytes: number;
  /** `i4`; of groups with scales of their own, `i4 / 16`. */
  readonly weightElement: string | undefined;
  readonly macs: number;
  /** Of its parameters, the share that masks make zero. */
  readonly prunedShare: number;
}

export function rowsOf(layers: readonly LayerRecord[]): readonly Row[] {
  const readers = new Map<string, LayerRecord[]>();
  for (const layer of layers)
    for (const name of layer.inputs) readers.set(name, [...(readers.get(name) ?? []), layer]);
  const producers = new Map(layers.map((layer) => [layer.name, layer]));
  const joins = ({ name, element }: LayerRecord): boolean => {
    const [reader, ...more] = readers.get(name) ?? [];
    return element === "i32" && reader?.operator === "requantize" && more.length === 0;
  };
  return layers
    .filter((layer) => !joins(layer))
    .map((result) => {
      const before = result.inputs
        .map((name) => producers.get(name))
        .filter((layer): layer is LayerRecord => layer !== undefined && joins(layer));
      const all = [...before, result];
      const own = new Set(before.map(({ name }) => name));
      return {
        layers: all,
        operators: all.map(({ operator }) => operator).join(" + "),
        result,
        inputs: [...new Set(all.flatMap(({ inputs }) => inputs))].filter((name) => !own.has(name)),
        weightElement: weightText(all),
        weightBytes: all.reduce((sum, { weightBytes }) => sum + weightBytes, 0),
        macs: all.reduce((sum, { macs }) => sum + macs, 0),
        prunedShare: prunedShareOf(all),
      };
    });
}

function weightText(layers: readonly LayerRecord[]): string | undefined {
  const found = layers.find(({ weightElement }) => weightElement !== undefined);
  return found?.weightGroup === undefined
    ? found?.weightElement
    : `${found.weightElement!} / ${found.weightGroup}`;
}

function prunedShareOf(layers: readonly LayerRecord[]): number {
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  return (
    layers.reduce((sum, { prunedParameters = 0 }) => sum + prunedParameters, 0) / Math.max(1, parameters)
  );
}
