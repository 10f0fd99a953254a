/**
 * What the width of each layer's weights and of each value costs the answer (`measure-sensitivity`): one picture with a line for each
 * width, over the layers in order, and one over the values. Where a line dips the layer, or the value, wants more bits than its neighbours.
 */
import { scalePoint, scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { Finding } from "../../pass/pass.ts";
import type { Report } from "../report.ts";
import { decibels } from "./figures.ts";
import { markup, shortened, type Markup } from "./markup.ts";

interface Curve {
  readonly label: string;
  /** In order; without decibels where nothing was lost. */
  readonly points: readonly {
    readonly place: number;
    readonly note: string;
    readonly db: number | undefined;
  }[];
}

const width = 480;
const plotHeight = 170;
const edges = { left: 50, right: 46, top: 18, bottom: 124 };
/** More names than these would run into each other. */
const mostNames = 26;
const labelPitch = 11;
/** Styles of lines, which the sheet has so many of. */
const styles = 5;

export function sensitivity({ passes }: Report): Markup | undefined {
  const rows = passes
    .filter(({ pass }) => pass === "measure-sensitivity")
    .flatMap(({ findings }) => findings);
  const [layers, values] = [rows.filter((row) => !(valueKey in row)), rows.filter((row) => valueKey in row)];
  const charts = [
    chart("Weights of one layer", "by layer and width", layers, curvesOf(layers)),
    chart("One value in 8 bits", "by value", values, [curve(values, valueKey, "", "stored in 8 bits")]),
  ].filter((made) => made !== undefined);
  return charts.length === 0 ? undefined : markup`<div class="charts">${charts}</div>`;
}

const valueKey = "value in 8 bits dB";

/** A curve for each width of weights, the widest first. */
function curvesOf(layers: readonly Finding[]): Curve[] {
  const keys = new Set(layers.flatMap((row) => Object.keys(row).filter((key) => key.endsWith(" bits dB"))));
  const widths = [...keys].map((key) => parseInt(key, 10)).sort((a, b) => b - a);
  return widths.map((bits) => curve(layers, `${bits} bits dB`, `${bits} bits`, `at ${bits} bits`));
}

const curve = (rows: readonly Finding[], key: string, label: string, how: string): Curve => ({
  label,
  points: rows.map((row, place) => {
    const given = row[key];
    const db = typeof given === "number" && Number.isFinite(given) ? given : undefined;
    const cost = db === undefined ? "nothing is lost" : `${decibels(db)} dB`;
    return { place, note: `%${String(row["value"])} ${how}: ${cost}`, db };
  }),
});

function chart(
  title: string,
  by: string,
  rows: readonly Finding[],
  curves: readonly Curve[],
): Markup | undefined {
  const all = curves.flatMap(({ points }) => points.flatMap(({ db }) => (db === undefined ? [] : [db])));
  if (rows.length < 2 || all.length < 2) return undefined;
  const names = rows.map(({ value }) => String(value));
  const hasNames = names.length <= mostNames;
  const height = plotHeight + edges.top + (hasNames ? edges.bottom : 20);
  const base = edges.top + plotHeight;
  const places = scalePoint(rows.keys(), [edges.left + 10, width - edges.right]);
  const x = (place: number): number => places(place)!;
  const y = scaleLinear([Math.min(0, ...all), Math.max(...all)], [base, edges.top + 10]).nice(5);
  const ends = curves.map(({ points }) => y(points.findLast(({ db }) => db !== undefined)?.db ?? 0));
  const labels = apart(ends);
  return markup`<figure><figcaption><b>${title}</b><span>${by}</span></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="SQNR of the answer, ${by}">
<text class="tick" x="0" y="9">SQNR of the answer, dB</text>
${y.ticks(5).map((db) => markup`<path class="grid" d="M${edges.left},${y(db).toFixed(1)}H${width - edges.right}"/><text class="tick" x="${edges.left - 4}" y="${(y(db) + 3).toFixed(1)}" text-anchor="end">${db}</text>`)}
${curves.map(({ label, points }, c) => drawn(label, points, c % styles, x, y, labels[c]!))}
${hasNames ? names.map((name, i) => nameBelow(name, x(i), base)) : markup`<text class="tick" x="${edges.left}" y="${height - 4}">first</text><text class="tick" x="${width - edges.right}" y="${height - 4}" text-anchor="end">last</text>`}
</svg></figure>`;
}

function drawn(
  label: string,
  points: Curve["points"],
  style: number,
  x: (place: number) => number,
  y: (db: number) => number,
  labelAt: number,
): Markup {
  const path = line<Curve["points"][number]>(
    ({ place }) => x(place),
    ({ db }) => y(db ?? 0),
  )
    .defined(({ db }) => db !== undefined)
    .digits(1);
  const dots = points.map(({ place, note, db }) =>
    db === undefined
      ? markup`<circle class="exact" cx="${x(place).toFixed(1)}" cy="${edges.top}" r="3"><title>${note}</title></circle>`
      : markup`<circle class="dot c${style}" cx="${x(place).toFixed(1)}" cy="${y(db).toFixed(1)}" r="2.2"><title>${note}</title></circle>`,
  );
  return markup`<path class="curve c${style}" d="${path(points) ?? ""}"/>
${dots}${label === "" ? undefined : markup`<text class="tick" x="${width - edges.right + 6}" y="${(labelAt + 3).toFixed(1)}">${label}</text>`}
`;
}

const nameBelow = (name: string, at: number, base: number): Markup =>
  markup`<text class="tick" transform="translate(${at.toFixed(1)},${base + 10})rotate(-60)" text-anchor="end"><title>${name}</title>${shortened(name, 24)}</text>`;

/** Heights of labels moved down until none covers another. */
function apart(heights: readonly number[]): number[] {
  const moved = [...heights];
  let free = -Infinity;
  for (const i of [...heights.keys()].sort((a, b) => heights[a]! - heights[b]!)) {
    moved[i] = Math.max(heights[i]!, free);
    free = moved[i] + labelPitch;
  }
  return moved;
}
