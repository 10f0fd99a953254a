/**
 * What pruning saw: how the network minds losing channels group by group, and what of it was to be had for how much work. The marks are
 * shares of held-out calibration samples whose answer stays that of the network before; labels play no part.
 */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { roundHalfAwayFromZero } from "../../numerics/round.ts";
import type { Finding } from "../../pass/pass.ts";
import type { Report } from "../report.ts";
import { percent, plural, short } from "./figures.ts";
import { markup, shortened, type Markup } from "./markup.ts";

const [width, height] = [220, 90];
const edges = { left: 34, right: 8, top: 6, bottom: 20 };

interface Point {
  readonly x: number;
  readonly agreement: number;
}

export function pruning({ passes }: Report): Markup | undefined {
  const found = (pass: string): readonly Finding[] =>
    passes.filter((record) => record.pass === pass).flatMap(({ findings }) => findings);
  const tried = frontier(pointsOf(found("prune-channels"), "frontier"));
  const groups = new Map<string, Finding[]>();
  for (const finding of found("measure-channel-sensitivity")) {
    const { group } = finding;
    if (typeof group === "string") groups.set(group, [...(groups.get(group) ?? []), finding]);
  }
  if (tried.length === 0 && groups.size === 0) return undefined;
  const kept = new Map(
    [...found("prune-channels"), ...found("keep-closest")].flatMap(
      ({ group, channels, kept: left }): [string, string][] =>
        typeof group === "string"
          ? [[group, `${String(left)} of ${plural(Number(channels), "channel")} kept`]]
          : [],
    ),
  );
  return markup`${tried.length > 1 ? frontierChart(tried) : undefined}
<div class="cards">${[...groups].map(([group, findings]) => card(group, pointsOf(findings, "share"), kept.get(group)))}</div>`;
}

const pointsOf = (findings: readonly Finding[], x: string): Point[] =>
  findings.flatMap((finding): Point[] => {
    const [at, agreement] = [finding[x], finding["agreement"]];
    return typeof at === "number" && typeof agreement === "number" ? [{ x: at, agreement }] : [];
  });

/** Of all rounds' trials, those that nothing smaller beats, and the whole network. */
function frontier(points: readonly Point[]): Point[] {
  const sorted = points.toSorted((a, b) => a.x - b.x || b.agreement - a.agreement);
  const [whole] = sorted.slice(-1);
  const kept: Point[] = [];
  for (const point of sorted) {
    const last = kept.at(-1);
    if (last === undefined || point.agreement > last.agreement) kept.push(point);
    else if (point.x === whole!.x && last.x !== point.x) kept.push(point);
  }
  return kept;
}

function frontierChart(points: readonly Point[]): Markup {
  const most = Math.max(...points.map(({ x }) => x));
  return markup`<figure class="chart"><figcaption><b>Same answer as before</b><span>by multiply-accumulates left</span></figcaption>
${plot(points, [0, most], (x) => short(roundHalfAwayFromZero(x)))}</figure>`;
}

const card = (group: string, points: readonly Point[], kept: string | undefined): Markup =>
  markup`<figure><figcaption><b title="${group}">${shortened(group, 26)}</b></figcaption>
${plot([{ x: 0, agreement: 1 }, ...points], [0, 1], (x) => `${roundHalfAwayFromZero(100 * x)} %`)}
<small>${kept ?? "channels removed in this group alone"}</small></figure>
`;

function plot(
  points: readonly Point[],
  domain: readonly [number, number],
  tick: (x: number) => string,
): Markup {
  const lowest = Math.min(0.9, ...points.map(({ agreement }) => agreement));
  const x = scaleLinear(domain, [edges.left, width - edges.right]);
  const y = scaleLinear([lowest, 1], [height - edges.bottom, edges.top]);
  const path = line<Point>(
    (point) => x(point.x),
    (point) => y(point.agreement),
  ).digits(1);
  return markup`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="share of samples with the same answer">
${y.ticks(3).map((at) => markup`<path class="grid" d="M${edges.left},${y(at).toFixed(1)}H${width - edges.right}"/><text class="tick" x="${edges.left - 4}" y="${(y(at) + 3).toFixed(1)}" text-anchor="end">${roundHalfAwayFromZero(100 * at)} %</text>`)}
<path class="curve" d="${path(points) ?? ""}"/>
${points.map((point) => markup`<circle class="dot" cx="${x(point.x).toFixed(1)}" cy="${y(point.agreement).toFixed(1)}" r="2"><title>${percent(point.agreement)} at ${tick(point.x)}</title></circle>`)}
${x.ticks(3).map((at) => markup`<text class="tick" x="${x(at).toFixed(1)}" y="${height - 5}" text-anchor="middle">${tick(at)}</text>`)}
</svg>`;
}
