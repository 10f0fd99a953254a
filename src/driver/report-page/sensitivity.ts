/**
 * What each layer's width costs the answer (`measure-sensitivity`): a line for each width, over the layers in order. Where a line dips
 * the layer wants more bits than its neighbours.
 */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { Report } from "../report.ts";
import { decibels } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

interface Width {
  readonly bits: number;
  /** By place of the layer; gaps are exact. */
  readonly points: readonly { readonly layer: number; readonly value: string; readonly db: number }[];
}

const [width, height] = [480, 170];
const edges = { left: 30, right: 42, top: 8, bottom: 18 };

export function sensitivity({ passes }: Report): Markup | undefined {
  const rows = passes
    .filter(({ pass }) => pass === "measure-sensitivity")
    .flatMap(({ findings }) => findings);
  const widths = widthsOf(rows);
  if (rows.length < 2 || widths.every(({ points }) => points.length < 2)) return undefined;
  const all = widths.flatMap(({ points }) => points.map(({ db }) => db));
  const x = scaleLinear([0, rows.length - 1], [edges.left + 6, width - edges.right]);
  const y = scaleLinear([Math.min(0, ...all), Math.max(...all)], [height - edges.bottom, edges.top]).nice(5);
  const path = line<Width["points"][number]>(
    ({ layer }) => x(layer),
    ({ db }) => y(db),
  ).digits(1);
  const lines = widths.map(({ bits, points }) => {
    const end = points.at(-1)!;
    return markup`<path class="curve" d="${path(points) ?? ""}"/>
${points.map(({ layer, value, db }) => markup`<circle class="dot" cx="${x(layer).toFixed(1)}" cy="${y(db).toFixed(1)}" r="2"><title>%${value} at ${bits} bits: ${decibels(db)} dB</title></circle>`)}
<text class="tick" x="${(x(end.layer) + 6).toFixed(1)}" y="${(y(end.db) + 3).toFixed(1)}">${bits} bits</text>`;
  });
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="SQNR of the answer by layer and width">
${y.ticks(5).map((db) => markup`<path class="grid" d="M${edges.left},${y(db).toFixed(1)}H${width - edges.right}"/><text class="tick" x="${edges.left - 4}" y="${(y(db) + 3).toFixed(1)}" text-anchor="end">${db}</text>`)}
${lines}
<text class="tick" x="${edges.left}" y="${height - 4}">first layer</text><text class="tick" x="${width - edges.right}" y="${height - 4}" text-anchor="end">last</text>
</svg>`;
}

function widthsOf(rows: Report["passes"][number]["findings"]): Width[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row).filter((key) => key.endsWith(" bits dB"))));
  const widths = [...names].map((name): Width => {
    const points = rows.flatMap((row, layer) => {
      const db = row[name];
      return typeof db === "number" && Number.isFinite(db)
        ? [{ layer, value: String(row["value"]), db }]
        : [];
    });
    return { bits: parseInt(name, 10), points };
  });
  return widths.filter(({ points }) => points.length > 0).sort((a, b) => b.bits - a.bits);
}
