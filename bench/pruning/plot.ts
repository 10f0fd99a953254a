/**
 * The results of the study as one SVG picture: a panel for each network, its score against the work (or, for an autoencoder of fully
 * connected layers, the weights) that is left, with 95 % intervals for what the compiler does by default.
 */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { Resources } from "../../passes/prune/resources.ts";
import { markup, type Markup } from "../../src/driver/report-page/markup.ts";
import type { StudyNetwork } from "../networks.ts";
import type { Row } from "./study.ts";

export interface Panel {
  readonly network: StudyNetwork;
  readonly whole: Resources;
  readonly rows: readonly Row[];
}

const [width, height, columns] = [300, 220, 3];
const edges = { left: 40, right: 14, top: 30, bottom: 40 };
const legendHeight = 34;

interface Series {
  readonly name: string;
  readonly className: string;
  readonly belongs: (row: Row) => boolean;
}

const uniform = (criterion: string): ((row: Row) => boolean) => {
  const passes = `prune-channels{criterion=${criterion}, allocate=uniform,`;
  return ({ prune }) => prune.startsWith(passes) && prune.includes("reconstruct");
};

const budget = String.raw`\{(macs|weights)=[\d.]+`;
const onceOnly = new RegExp(`^prune-channels${budget}\\}, reconstruct, remove`);
const twiceOnly = new RegExp(
  `^prune-channels${budget}, portion=0.5\\}, reconstruct, prune-channels${budget}\\}, reconstruct, remove`,
);

const allSeries: readonly Series[] = [
  {
    name: "quern compile --prune",
    className: "default",
    belongs: ({ prune }) => prune.includes("keep-closest"),
  },
  { name: "in one step", className: "once", belongs: ({ prune }) => onceOnly.test(prune) },
  { name: "in two rounds", className: "twice", belongs: ({ prune }) => twiceOnly.test(prune) },
  { name: "second-order, same share everywhere", className: "second", belongs: uniform("second-order") },
  { name: "l2", className: "norm", belongs: uniform("l2") },
  { name: "random", className: "random", belongs: uniform("random") },
];

/** About as wide as its letters. */
const legendWidth = ({ name }: Series): number => 44 + 6.4 * name.length;

interface Point {
  readonly share: number;
  readonly row: Row;
}

export function panels(all: readonly Panel[]): string {
  const across = Math.min(columns, all.length);
  const [total, down] = [across * width, legendHeight + Math.ceil(all.length / columns) * height];
  const drawn = all.map(
    (each, i) =>
      markup`<g transform="translate(${(i % columns) * width},${legendHeight + Math.floor(i / columns) * height})">${panel(each)}</g>\n`,
  );
  const legend = allSeries.map((series, i) => {
    const left = allSeries.slice(0, i).reduce((sum, before) => sum + legendWidth(before), 20);
    return markup`<g class="${series.className}" transform="translate(${left.toFixed(0)},18)"><path d="M0,0H18"/><circle cx="9" cy="0" r="3"/><text x="24" y="4">${series.name}</text></g>`;
  });
  return `${
    markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${down}" font-family="system-ui, sans-serif" font-size="12">
<title>Score after quantization against what is left of the network</title>
<style>
text { fill: #2b2417; } .tick { fill: #6b5b3e; font-size: 11px; } .grid { stroke: #e4ddcf; } .whole { stroke: #6b5b3e; stroke-dasharray: 4 3; }
path { fill: none; stroke-width: 1.5; } circle { stroke: none; }
.default path { stroke: #0b6e4f; stroke-width: 2.5; } .default circle { fill: #0b6e4f; }
.once path { stroke: #7fb59f; } .once circle { fill: #7fb59f; } .twice path { stroke: #7b5ea7; } .twice circle { fill: #7b5ea7; }
.second path { stroke: #c1662f; } .second circle { fill: #c1662f; }
.norm path { stroke: #3b6ea5; } .norm circle { fill: #3b6ea5; }
.random path { stroke: #9a9a9a; } .random circle { fill: #9a9a9a; }
</style>
<rect width="${total}" height="${down}" fill="#ffffff"/>
${legend}
${drawn}</svg>`.markup
  }\n`;
}

function panel({ network, whole, rows }: Panel): Markup {
  const byWeights = network.group !== undefined;
  const shareOf = ({ macs, weightBytes }: Row): number =>
    byWeights ? weightBytes! / whole.weightBytes : macs! / whole.macs;
  const all = allSeries.map((series) => ({
    ...series,
    points: rows
      .filter((row) => row.macs !== undefined && series.belongs(row))
      .map((row): Point => ({ share: shareOf(row), row }))
      .toSorted((a, b) => a.share - b.share),
  }));
  const unpruned = rows.find(({ prune }) => prune === "");
  const scores = all.flatMap(({ points }) => points.map(({ row }) => row.score));
  const lowest = Math.max(Math.min(...scores, 1), 0) - 0.03;
  const highest = Math.max(
    ...scores,
    unpruned?.score ?? 0,
    ...all[0]!.points.map(({ row }) => row.interval[1]),
  );
  const x = scaleLinear([0, 1], [edges.left, width - edges.right]);
  const y = scaleLinear([lowest, highest + 0.01], [height - edges.bottom, edges.top]);
  const path = line<Point>(
    ({ share }) => x(share),
    ({ row }) => y(row.score),
  ).digits(1);
  const bottom = height - edges.bottom;
  return markup`<text x="${edges.left}" y="18" font-weight="600">${network.name}</text>
${y.ticks(5).map((at) => markup`<path class="grid" d="M${edges.left},${y(at).toFixed(1)}H${width - edges.right}"/><text class="tick" x="${edges.left - 5}" y="${(y(at) + 4).toFixed(1)}" text-anchor="end">${percent(at)}</text>`)}
${x.ticks(5).map((at) => markup`<text class="tick" x="${x(at).toFixed(1)}" y="${bottom + 15}" text-anchor="middle">${percent(at)}</text>`)}
<text class="tick" x="${(edges.left + width - edges.right) / 2}" y="${bottom + 31}" text-anchor="middle">${byWeights ? "weights left, %; area under the curve" : "multiply-accumulates left, %; top-1"}</text>
${unpruned === undefined ? undefined : markup`<path class="whole" d="M${edges.left},${y(unpruned.score).toFixed(1)}H${width - edges.right}"/>`}
${all.toReversed().map(
  ({
    className,
    points,
  }) => markup`<g class="${className}">${className === "default" ? points.map(({ share, row }) => markup`<path d="M${x(share).toFixed(1)},${y(Math.max(lowest, row.interval[0])).toFixed(1)}V${y(row.interval[1]).toFixed(1)}" stroke-opacity="0.35"/>`) : undefined}<path d="${path(points) ?? ""}"/>${points.map(({ share, row }) => markup`<circle cx="${x(share).toFixed(1)}" cy="${y(row.score).toFixed(1)}" r="3"/>`)}</g>
`,
)}`;
}

const percent = (share: number): number => Number((100 * share).toFixed(0));
