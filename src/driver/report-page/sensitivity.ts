/**
 * What the width of each layer's weights and of each value costs the answer (`measure-sensitivity`): a line for each width, over the layers in
 * order, and one over the values. Where a line dips the layer, or the value, wants more bits than its neighbours.
 */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { Report } from "../report.ts";
import { decibels } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

interface Curve {
  readonly label: string;
  /** From the first layer or value, 0, to the last, 1; gaps are exact. */
  readonly points: readonly { readonly place: number; readonly what: string; readonly db: number }[];
}

const [width, height] = [480, 170];
const edges = { left: 30, right: 42, top: 8, bottom: 18 };

export function sensitivity({ passes }: Report): Markup | undefined {
  const rows = passes
    .filter(({ pass }) => pass === "measure-sensitivity")
    .flatMap(({ findings }) => findings);
  const curves = curvesOf(rows);
  if (curves.every(({ points }) => points.length < 2)) return undefined;
  const all = curves.flatMap(({ points }) => points.map(({ db }) => db));
  const x = scaleLinear([0, 1], [edges.left + 6, width - edges.right]);
  const y = scaleLinear([Math.min(0, ...all), Math.max(...all)], [height - edges.bottom, edges.top]).nice(5);
  const path = line<Curve["points"][number]>(
    ({ place }) => x(place),
    ({ db }) => y(db),
  ).digits(1);
  const lines = curves.map(({ label, points }) => {
    const end = points.at(-1)!;
    return markup`<path class="curve" d="${path(points) ?? ""}"/>
${points.map(({ place, what, db }) => markup`<circle class="dot" cx="${x(place).toFixed(1)}" cy="${y(db).toFixed(1)}" r="2"><title>${what}: ${decibels(db)} dB</title></circle>`)}
<text class="tick" x="${(x(end.place) + 6).toFixed(1)}" y="${(y(end.db) + 3).toFixed(1)}">${label}</text>`;
  });
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="SQNR of the answer by layer and width, and by value">
${y.ticks(5).map((db) => markup`<path class="grid" d="M${edges.left},${y(db).toFixed(1)}H${width - edges.right}"/><text class="tick" x="${edges.left - 4}" y="${(y(db) + 3).toFixed(1)}" text-anchor="end">${db}</text>`)}
${lines}
<text class="tick" x="${edges.left}" y="${height - 4}">first</text><text class="tick" x="${width - edges.right}" y="${height - 4}" text-anchor="end">last</text>
</svg>`;
}

type Rows = Report["passes"][number]["findings"];

const valueKey = "value in 8 bits dB";

/** A curve for each width of weights, the widest first, and one for values. */
function curvesOf(rows: Rows): Curve[] {
  const [layers, values] = [rows.filter((row) => !(valueKey in row)), rows.filter((row) => valueKey in row)];
  const keys = new Set(layers.flatMap((row) => Object.keys(row).filter((key) => key.endsWith(" bits dB"))));
  const widths = [...keys].map((key) => parseInt(key, 10)).sort((a, b) => b - a);
  const curves = [
    ...widths.map((bits) => curve(layers, `${bits} bits dB`, `${bits} bits`, `at ${bits} bits`)),
    curve(values, valueKey, "values", "stored in 8 bits"),
  ];
  return curves.filter(({ points }) => points.length > 0);
}

function curve(rows: Rows, key: string, label: string, how: string): Curve {
  const points = rows.flatMap((row, i) => {
    const db = row[key];
    const place = rows.length < 2 ? 0 : i / (rows.length - 1);
    return typeof db === "number" && Number.isFinite(db)
      ? [{ place, what: `%${String(row["value"])} ${how}`, db }]
      : [];
  });
  return { label, points };
}
