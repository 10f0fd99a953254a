/** What a pass did, in sentences; of passes whose counters and findings say more than their names. */
import type { PassRecord } from "../../pass/manager.ts";
import type { Finding } from "../../pass/pass.ts";
import { grouped, plural } from "./figures.ts";

/** A pass without an entry has its counters listed: `3 rewritten`. */
export function didWhat(record: PassRecord): readonly string[] {
  const words = wordsByPass[record.pass]?.(record);
  return words ?? listed(Object.entries(record.statistics).map(([what, n]) => `${grouped(n)} ${what}`));
}

/** Why a pass that found nothing had nothing to look for, where it says little that it changed nothing. */
export function whyIdle({ pass, options }: PassRecord): string | undefined {
  if (pass === "round-weights") return `no layer of at most ${JSON.stringify(options["bits"])} bits`;
  if (pass === "widen-outputs") return "no output is the result of a sum stored in eight bits";
  return undefined;
}

/** Passes that, once their choice is made, make what won again from all samples, those held out too. */
const refitted: readonly string[] = ["calibrate", "round-weights"];

/** Of the passes before one, those that saw what it holds out: they have used up some of its independence. */
export const fittedToAll = (before: readonly PassRecord[]): readonly string[] => [
  ...new Set(
    before
      .filter(({ pass, statistics }) => refitted.includes(pass) && keptSomething(statistics))
      .map(({ pass }) => pass),
  ),
];

const keptSomething = (statistics: PassRecord["statistics"]): boolean =>
  Object.keys(statistics).some((name) => name !== "withdrawn" && name !== "given");

type Words = (record: PassRecord) => readonly string[] | undefined;

const wordsByPass: Readonly<Record<string, Words>> = {
  calibrate({ statistics }) {
    const { measured, given, ...rules } = statistics;
    const by = Object.entries(rules).map(([rule, n]) =>
      rule === "headroom" ? `${grouped(n)} as seen with headroom` : `${grouped(n)} by ${rule}`,
    );
    return listed(
      [
        ...(measured === undefined ? [] : [`${plural(measured, "value")} measured`]),
        ...(given === undefined ? [] : [`${plural(given, "range")} given`]),
        ...(by.length > 0 ? [`ranges: ${by.join(", ")}`] : []),
      ],
      "; ",
    );
  },
  "round-weights"({ statistics: { withdrawn, ...aims } }) {
    if (withdrawn !== undefined) return [`${plural(withdrawn, "layer")} tried.`];
    const towards = Object.entries(aims).sort(([, a], [, b]) => b - a);
    return listed(
      towards.map(([aim, n], i) => {
        const layers = i === 0 ? plural(n, "layer") : grouped(n);
        return aim === "nearest" ? `${layers} to the nearest level` : `${layers} rounded towards ${aim}`;
      }),
    );
  },
  "correct-bias"({ statistics, findings }) {
    const { corrected, withdrawn } = statistics;
    if (withdrawn !== undefined) return [`${plural(withdrawn, "bias", "biases")} tried.`];
    if (corrected === undefined) return undefined;
    const shifts = findings.flatMap(({ largestShift }) =>
      typeof largestShift === "number" ? [largestShift] : [],
    );
    const most = Math.max(0, ...shifts);
    return [
      `${plural(corrected, "bias", "biases")} moved, at most by ${most === 1 ? "one of its own steps" : `${grouped(most)} of their own steps`}.`,
    ];
  },
  "bound-accumulators"({ findings }) {
    const widest = Math.max(0, ...findings.map(({ bits }) => (typeof bits === "number" ? bits : 0)));
    if (widest === 0) return undefined;
    return [`The widest accumulator needs ${widest} of 32 bits: none can overflow, whatever the input.`];
  },
  "measure-sensitivity": ({ statistics: { layers = 0, values = 0 } }) => [
    `${plural(layers, "layer")} measured${values > 0 ? ` and ${plural(values, "value or group of values", "values or groups of values")}` : ""}.`,
  ],
  "widen-values": storedIn,
  "widen-fused": ({ findings }) => named("Sixteen bits, in a register", findings),
  "widen-outputs": storedIn,
};

/** `Stored in 16 bits: a, b.` */
function storedIn({ findings }: PassRecord): readonly string[] {
  const of = (width: number): readonly Finding[] => findings.filter(({ bits }) => bits === width);
  return [...named("Stored in 16 bits", of(16)), ...named("Stays in 8 bits", of(8))];
}

const mostNames = 8;

function named(what: string, findings: readonly Finding[]): readonly string[] {
  if (findings.length === 0) return [];
  const names = findings
    .slice(0, mostNames)
    .map(
      ({ value, values }) => `%${String(value)}${typeof values === "number" ? ` (${values} values)` : ""}`,
    );
  const more = findings.length > mostNames ? ` and ${grouped(findings.length - mostNames)} more` : "";
  return [`${what}: ${names.join(", ")}${more}.`];
}

const listed = (facts: readonly string[], between = ", "): readonly string[] =>
  facts.length === 0 ? [] : [`${facts.join(between)}.`];
