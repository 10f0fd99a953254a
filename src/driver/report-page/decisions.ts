/** What each pass did, in words; what it found out, in tables that unfold. A pass that found nothing to do is only named. */
import { passes } from "../../../passes/index.ts";
import type { Attributes } from "../../ir/attributes.ts";
import type { PassRecord } from "../../pass/manager.ts";
import type { Finding } from "../../pass/pass.ts";
import { grouped, plural, significant } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { didWhat, fittedToAll, whyIdle } from "./pass-words.ts";

export function decisions(records: readonly PassRecord[]): Markup {
  const busy = records.filter(
    ({ statistics, findings }) => findings.length + Object.keys(statistics).length > 0,
  );
  const idle = new Map(
    records
      .filter(({ pass }) => !busy.some((record) => record.pass === pass))
      .map((record) => [record.pass, whyIdle(record)]),
  );
  const idleTexts = [...idle].map(([pass, why]) => (why === undefined ? pass : `${pass} (${why})`));
  return markup`${records.some(judges) ? markup`<p class="note">Changes are judged by the error of the network on calibration samples held out: SQNR of the values that decide its answer.</p>` : undefined}<ol class="passes">${busy.map((record) => passItem(record, records.slice(0, records.indexOf(record))))}</ol>
${idleTexts.length > 0 ? markup`<p class="note">Found nothing to change: ${idleTexts.join(", ")}.</p>` : undefined}`;
}

/** It compares the network before and after. */
const judges = ({ findings }: PassRecord): boolean => findings.some((finding) => "before dB" in finding);

function passItem(record: PassRecord, before: readonly PassRecord[]): Markup {
  const { pass, options, findings } = record;
  const definition = passes.find(({ name }) => name === pass);
  const did = [...didWhat(record), ...optionText(options, definition?.options)].join(" ");
  const sentences = [...findings.flatMap(sentenceOf), ...(judges(record) ? spent(before) : [])];
  const rows = findings.filter((finding) => finding["summary"] === undefined);
  return markup`<li><b>${pass}</b> <span>${definition?.summary}</span>
${did === "" ? undefined : markup`<p>${did}</p>`}
${sentences.map((sentence) => markup`<p>${sentence}</p>`)}
${rows.length > 0 ? markup`<details><summary>${plural(rows.length, "finding")}</summary>${about(pass)}${tablesOf(rows).map(findingTable)}</details>` : undefined}</li>
`;
}

/** Why `before` is better here than `after` was a pass earlier. */
function spent(before: readonly PassRecord[]): readonly string[] {
  const fitted = fittedToAll(before);
  if (fitted.length === 0) return [];
  const was = fitted.length === 1 ? "was" : "were";
  return [
    `${fitted.join(" and ")} ${was} fitted to these samples too, once the choice was made: on new ones expect less.`,
  ];
}

/** What a reader could mistake in a pass's table for what other sections show. */
function about(pass: string): Markup | undefined {
  if (pass !== "calibrate") return undefined;
  return markup`<p class="note">Seen on all samples; the SQNR is of rounding and clipping this value alone, all else real.</p>`;
}

/** Options that are not the default. */
function optionText(
  options: Attributes,
  specs: Readonly<Record<string, { readonly default?: unknown }>> = {},
): readonly string[] {
  const set = Object.entries(options).filter(([name, value]) => specs[name]?.default !== value);
  if (set.length === 0) return [];
  const texts = set.map(
    ([name, value]) => `${name} = ${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
  );
  return [`Options: ${texts.join(", ")}.`];
}

/** `{ summary, "minmax dB": 31.3, … }` → `summary: minmax 31.3 dB, …`. */
function sentenceOf(finding: Finding): string[] {
  const { summary, ...rest } = finding;
  if (summary === undefined) return [];
  const facts = Object.entries(rest).map(([name, value]) => {
    const unit = / (dB)$/.exec(name);
    const text = cell(value, unit === null ? undefined : 1);
    return unit === null ? `${name} ${text}` : `${name.slice(0, -3)} ${text} dB`;
  });
  const text = String(summary);
  return [
    `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}.`,
  ];
}

/** Rows that have more in common than a value's name stand in one table. */
function tablesOf(rows: readonly Finding[]): readonly (readonly Finding[])[] {
  const tables: { readonly names: Set<string>; readonly rows: Finding[] }[] = [];
  for (const row of rows) {
    const names = Object.keys(row).filter((name) => name !== "value" && name !== "values");
    const own = tables.find((table) => names.some((name) => table.names.has(name)));
    if (own === undefined) tables.push({ names: new Set(names), rows: [row] });
    else {
      names.forEach((name) => own.names.add(name));
      own.rows.push(row);
    }
  }
  return tables.map((table) => table.rows);
}

/** Columns are all names that any row has; lists of numbers, one for each channel, are left to report.json. */
function findingTable(rows: readonly Finding[]): Markup {
  const names = [
    ...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => !Array.isArray(row[name])))),
  ];
  const isNumber = new Set(names.filter((name) => rows.every((row) => typeof row[name] !== "string")));
  return markup`<div class="wide"><table><thead><tr>${names.map((name) => markup`<th scope="col" class="${isNumber.has(name) ? "n" : ""}">${columnTitle(name)}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      row,
    ) => markup`<tr>${names.map((name) => markup`<td class="${isNumber.has(name) ? "n" : ""}">${cell(row[name], /dB$/i.test(name) ? 1 : undefined)}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

/** `seenLow` → `seen low`, `8 bits dB` → `8 bits, dB`, `sqnrDb` → `SQNR, dB`. */
function columnTitle(name: string): string {
  const decibels = /^(.+?) ?(?:dB|Db)$/.exec(name);
  if (decibels !== null) return `${columnTitle(decibels[1]!)}, dB`;
  if (name === "sqnr") return "SQNR";
  return name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}

function cell(value: Finding[string] | null | undefined, places?: number): string {
  if (value === undefined) return "";
  if (value === null) return "∞"; // JSON has no infinity
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return value > 0 ? "∞" : String(value);
  if (places !== undefined) return value.toFixed(places);
  return Number.isInteger(value) ? grouped(value) : significant(value);
}
