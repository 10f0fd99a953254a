/** What `quern evaluate` prints: one table, a row for the reference and each engine, and the remarks below it. */
import type { EngineResult, Evaluation } from "../evaluate.ts";
import { grouped, percent, textTable } from "./text-table.ts";

type Column = readonly [head: string, cell: (result: EngineResult) => string | undefined];

const interval = ([low, high]: readonly [number, number], show: (x: number) => string): string =>
  `[${show(low)}, ${show(high)}]`;
const fixed = (x: number): string => x.toFixed(4);

const columns: readonly Column[] = [
  ["engine", ({ engine }) => engine],
  ["top-1 [95 %]", ({ top1 }) => top1 && `${percent(top1.value)} ${interval(top1.interval, percent)}`],
  ["AUC [95 %]", ({ auc }) => auc && `${fixed(auc.value)} ${interval(auc.interval, fixed)}`],
  ["agreement", ({ agreement }) => agreement && percent(agreement.value)],
  ["correlation", ({ scoreCorrelation }) => scoreCorrelation?.toFixed(5)],
  ["SQNR", ({ outputSqnrDb }) => (outputSqnrDb === undefined ? undefined : `${outputSqnrDb.toFixed(1)} dB`)],
  ["weights", ({ size }) => size && grouped(size.constantBytes)],
  ["arena", ({ size }) => size && grouped(size.arenaBytes)],
  ["MACs", ({ size }) => size && grouped(size.macs)],
  [
    "time a sample",
    ({ timeMsPerSample }) => (timeMsPerSample === undefined ? undefined : `${timeMsPerSample.toFixed(3)} ms`),
  ],
];

export function evaluationText(result: Evaluation): string {
  const { reference, engines, logits, byteEquality, intermediates, recordings } = result;
  const all = [...(reference === undefined ? [] : [reference]), ...engines];
  // A column that no row has says nothing.
  const shown = columns.filter(([, cell]) => all.some((row) => cell(row) !== undefined));
  const rows = all.map((row) => shown.map(([, cell]) => cell(row) ?? ""));
  const counted = `${grouped(result.samples)} samples${recordings === undefined ? "" : ` of ${grouped(recordings)} recordings`}`;
  const head = shown.map(([name]) => name);
  const lines = [counted, "", textTable(head, rows), ""];
  if (logits !== undefined) lines.push(`SQNR of the logits %${logits.value}: ${logits.sqnrDb.toFixed(1)} dB`);
  if (byteEquality !== undefined) {
    const names = engines.map(({ engine }) => engine).join(", ");
    const outcome = byteEquality.equal ? "the same output bytes" : "DIFFERENT output bytes";
    lines.push(`${names}: ${outcome} on ${grouped(byteEquality.samples)} samples`);
  }
  for (const { engine, samples, tensors, differing } of intermediates ?? [])
    lines.push(
      differing.length === 0
        ? `${engine}: all ${tensors} tensors equal the interpreter's on ${samples} samples`
        : `${engine}: ${differing.length} tensors DIFFER from the interpreter's`,
    );
  return `${lines.join("\n")}\n`;
}
