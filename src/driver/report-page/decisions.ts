/** What each pass did, in words; what it found out, in tables that unfold. A pass that found nothing to do is only named. */
import { passes } from "../../../passes/index.ts";
import type { Attributes } from "../../ir/attributes.ts";
import type { PassRecord } from "../../pass/manager.ts";
import type { Finding } from "../../pass/pass.ts";
import { grouped, plural, significant } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

export function decisions(records: readonly PassRecord[]): Markup {
  const busy = records.filter(
    ({ statistics, findings }) => findings.length + Object.keys(statistics).length > 0,
  );
  const idle = [...new Set(records.filter((r) => !busy.includes(r)).map(({ pass }) => pass))].filter(
    (pass) => !busy.some((record) => record.pass === pass),
  );
  return markup`<ol class="passes">${busy.map(passItem)}</ol>
${idle.length > 0 ? markup`<p class="note">Found nothing to change: ${idle.join(", ")}.</p>` : undefined}`;
}

function passItem({ pass, options, statistics, findings }: PassRecord): Markup {
  const definition = passes.find(({ name }) => name === pass);
  const counts = Object.entries(statistics).map(([what, n]) => `${what} ${grouped(n)}`);
  const sentences = findings.flatMap(sentenceOf);
  const rows = findings.filter((finding) => finding["summary"] === undefined);
  const widest = rows.reduce((most, { bits }) => (typeof bits === "number" ? Math.max(most, bits) : most), 0);
  return markup`<li><b>${pass}</b> <span>${definition?.summary}</span>
${counts.length > 0 ? markup`<p>${counts.join(", ")}${optionText(options, definition?.options)}</p>` : undefined}
${sentences.map((sentence) => markup`<p>${sentence}</p>`)}
${widest > 0 ? markup`<p>The widest accumulator needs ${widest} of 32 bits: none can overflow, whatever the input.</p>` : undefined}
${rows.length > 0 ? markup`<details><summary>${plural(rows.length, "finding")}</summary>${findingTable(rows)}</details>` : undefined}</li>
`;
}

/** Options that are not the default. */
function optionText(
  options: Attributes,
  specs: Readonly<Record<string, { readonly default?: unknown }>> = {},
): string {
  const set = Object.entries(options).filter(([name, value]) => specs[name]?.default !== value);
  return set.length === 0
    ? ""
    : ` (${set.map(([name, value]) => `${name} = ${typeof value === "object" ? JSON.stringify(value) : String(value)}`).join(", ")})`;
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

/** Columns are all names that any row has; lists of numbers, one for each channel, are left to report.json. */
function findingTable(rows: readonly Finding[]): Markup {
  const names = [
    ...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => !Array.isArray(row[name])))),
  ];
  const isNumber = new Set(names.filter((name) => rows.every((row) => typeof row[name] !== "string")));
  return markup`<div class="wide"><table><thead><tr>${names.map((name) => markup`<th scope="col" class="${isNumber.has(name) ? "n" : ""}">${words(name)}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      row,
    ) => markup`<tr>${names.map((name) => markup`<td class="${isNumber.has(name) ? "n" : ""}">${cell(row[name], /dB$/i.test(name) ? 1 : undefined)}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

/** `seenLow` → `seen low`, `sqnrDb` → `SQNR, dB`. */
const words = (name: string): string =>
  name === "sqnrDb"
    ? "SQNR, dB"
    : name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

function cell(value: Finding[string] | undefined, places?: number): string {
  if (value === undefined) return "";
  if (value === null) return "∞"; // JSON has no infinity
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return value > 0 ? "∞" : String(value);
  if (places !== undefined) return value.toFixed(places);
  return Number.isInteger(value) ? grouped(value) : significant(value);
}
