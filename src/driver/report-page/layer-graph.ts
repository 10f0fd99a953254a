/**
 * The network as a picture: a box for each row in the order it runs. What the next box reads comes straight down; what is read later
 * (residual branches) runs in lanes at the right, as few as the branches that are open at the same time.
 */
import { linkHorizontal } from "d3-shape";
import { scaleLinear } from "d3-scale";
import type { Report } from "../report.ts";
import { bytes, decibels, shape, short } from "./figures.ts";
import { markup, shortened, type Markup } from "./markup.ts";
import type { Row } from "./rows.ts";

const boxWidth = 300;
const boxHeight = 46;
const gap = 20;
const laneWidth = 14;
const pitch = boxHeight + gap;

interface Box {
  readonly title: string;
  readonly name: string;
  readonly right: readonly [above: string, below: string];
  readonly note: string;
  readonly share: number;
  readonly isPort: boolean;
  readonly target?: string;
}

interface Branch {
  readonly from: number;
  readonly to: number;
}

export function layerGraph({ inputs, outputs, macs }: Report, rows: readonly Row[]): Markup {
  const boxes = [
    ...inputs.map(({ name, type }): Box => ({ ...port("input", name, type) })),
    ...rows.map((row, i) => boxOf(row, i, macs)),
  ];
  const places = new Map<string, number>(inputs.map(({ name }, i) => [name, i]));
  rows.forEach(({ result }, i) => places.set(result.name, inputs.length + i));
  const edges = rows.flatMap(({ inputs: names }, i): Branch[] =>
    names.flatMap((name) => {
      const from = places.get(name);
      return from === undefined ? [] : [{ from, to: inputs.length + i }];
    }),
  );
  for (const { name, type } of outputs) {
    const from = places.get(name);
    if (from === undefined) continue;
    boxes.push(port("output", name, type));
    edges.push({ from, to: boxes.length - 1 });
  }
  const branches = lanesOf(edges.filter(({ from, to }) => to !== from + 1));
  const lanes = Math.max(0, ...branches.map(({ lane }) => lane + 1));
  const width = boxWidth + 2 + (lanes > 0 ? 12 + lanes * laneWidth : 0);
  const height = boxes.length * pitch - gap + 2;
  return markup`<svg class="graph" viewBox="-1 -1 ${width} ${height}" style="max-width:${width * 1.25}px" role="img" aria-label="the layers of the network, in order">
${edges.filter(({ from, to }) => to === from + 1).map(straight)}
${branches.map(inLane)}
${boxes.map(drawBox)}
</svg>`;
}

function port(what: string, name: string, type: string): Box {
  const [extents = "", element = ""] = /^tensor<(?:(.*)x)?([a-z]+\d+)/.exec(type)?.slice(1) ?? [];
  const right = [extents.replaceAll("x", "×"), element] as const;
  return { title: what, name, right, note: `${what} ${name}: ${type}`, share: 0, isPort: true };
}

function boxOf({ operators, result, weightBytes, macs }: Row, index: number, all: number): Box {
  const { name, element, sqnrDb, origin } = result;
  const noise = sqnrDb === undefined ? "" : ` · ${decibels(sqnrDb)}${sqnrDb === null ? "" : " dB"}`;
  const facts = [
    `${short(macs)} MACs`,
    `${bytes(weightBytes)} of weights`,
    ...(origin === undefined ? [] : [origin]),
  ];
  return {
    title: operators,
    name,
    right: [shape(result.shape), `${element}${noise}`],
    note: `%${name} = ${operators}: ${facts.join(", ")}`,
    share: all === 0 ? 0 : macs / all,
    isPort: false,
    target: `#layer-${index}`,
  };
}

/** Each branch in the first lane that is free from its beginning to its end. */
function lanesOf(branches: readonly Branch[]): readonly (Branch & { readonly lane: number })[] {
  const busyUntil: number[] = [];
  return [...branches]
    .sort((a, b) => a.from - b.from || a.to - b.to)
    .map((branch) => {
      const free = busyUntil.findIndex((end) => end <= branch.from);
      const lane = free < 0 ? busyUntil.length : free;
      busyUntil[lane] = branch.to;
      return { ...branch, lane };
    });
}

function straight({ from }: Branch): Markup {
  const [x, y] = [boxWidth / 2, from * pitch + boxHeight];
  return markup`<path class="edge" d="M${x},${y}V${y + gap - 4}"/>${arrowDown(x, y + gap)}`;
}

function inLane({ from, to, lane }: Branch & { readonly lane: number }): Markup {
  const x = boxWidth + 12 + lane * laneWidth;
  const [begin, end] = [from * pitch + boxHeight * 0.75, to * pitch + boxHeight * 0.25];
  const curve = linkHorizontal();
  const out = curve({ source: [boxWidth, begin], target: [x, begin + 14] });
  const back = curve({ source: [x, end - 14], target: [boxWidth + 5, end] });
  return markup`<path class="edge" d="${out ?? ""}V${end - 14}"/><path class="edge" d="${back ?? ""}"/><path class="tip" d="M${boxWidth},${end}l7,-3.5v7z"/>`;
}

const arrowDown = (x: number, y: number): Markup => markup`<path class="tip" d="M${x},${y}l-4,-7h8z"/>`;

function drawBox({ title, name, right, note, share, isPort, target }: Box, index: number): Markup {
  const y = index * pitch;
  const work = scaleLinear([0, 1], [0, boxWidth - 16]);
  const [above, below] = right;
  // The right column takes what it needs of 44 characters, the title the rest.
  const body = markup`<g><title>${note}</title>
<rect class="${isPort ? "port" : "box"}" x="0" y="${y}" width="${boxWidth}" height="${boxHeight}" rx="6"/>
<text class="operator" x="8" y="${y + 17}">${shortened(title, Math.max(12, 40 - above.length))}</text>
<text class="figure" x="${boxWidth - 8}" y="${y + 17}" text-anchor="end">${shortened(above, 22)}</text>
<text class="name" x="8" y="${y + 33}">${shortened(name, 42 - below.length)}</text>
<text class="figure" x="${boxWidth - 8}" y="${y + 33}" text-anchor="end">${below}</text>
${share > 0 ? markup`<rect class="work" x="8" y="${y + 39}" width="${work(share).toFixed(1)}" height="3" rx="1.5"/>` : undefined}</g>`;
  return target === undefined ? body : markup`<a href="${target}">${body}</a>`;
}
