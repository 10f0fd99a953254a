/** Every row with what it costs and how far it is from the real network. */
import { scaleLinear } from "d3-scale";
import { area, curveMonotoneX, line } from "d3-shape";
import { suspectDb } from "../noisy-layers.ts";
import { bytes, decibels, shape, short, significant } from "./figures.ts";
import { markup, shortened, type Markup } from "./markup.ts";
import type { Row } from "./rows.ts";

/** Above it noise hardly matters. */
const soundDb = 30;

export function layerTable(rows: readonly Row[]): Markup {
  const [mostBytes, mostMacs] = [
    Math.max(1, ...rows.map(({ weightBytes }) => weightBytes)),
    Math.max(1, ...rows.map(({ macs }) => macs)),
  ];
  const isPruned = rows.some(({ prunedShare }) => prunedShare > 0);
  const body = rows.map(({ operators, result, weightBytes, weightElement, macs, prunedShare }, index) => {
    const { name, origin, element, scale, zero, outputBytes, sqnrDb, isCut, inRegister } = result;
    const type = scale === undefined ? element : `${element}, ${significant(scale)}:${zero!}`;
    return markup`<tr id="layer-${index}"><th scope="row"><span title="${origin}">${operators}</span><small>${shortened(name, 28)}</small></th>
<td class="n ${isCut ? "" : noiseClass(sqnrDb)}">${decibels(sqnrDb)}${isCut ? markup`<small>cut</small>` : undefined}</td><td>${shape(result.shape)}<small>${type}</small></td><td class="n">${inRegister ? "register" : bytes(outputBytes)}</td>
<td class="n">${bar(weightBytes / mostBytes)}${bytes(weightBytes)}<small>${weightElement}</small></td>${isPruned ? markup`<td class="n">${percent(prunedShare)}</td>` : undefined}<td class="n">${bar(macs / mostMacs)}${short(macs)}</td></tr>
`;
  });
  return markup`<div class="wide"><table class="layers"><thead><tr><th scope="col">layer</th><th scope="col" class="n">SQNR, dB</th><th scope="col">result<small>type, scale:zero</small></th><th scope="col" class="n">bytes</th><th scope="col" class="n">weights</th>${isPruned ? markup`<th scope="col" class="n">pruned</th>` : undefined}<th scope="col" class="n">MACs</th></tr></thead>
<tbody>${body}</tbody></table></div>
${legend(rows)}`;
}

/** What the colours mean, and what this SQNR is: the page has others. */
function legend(rows: readonly Row[]): Markup {
  const bars = "Bars: the share of the largest.";
  if (rows.every(({ result }) => result.sqnrDb === undefined)) return markup`<p class="note">${bars}</p>`;
  const cutNote = rows.some(({ result }) => result.isCut)
    ? markup`cut: its range leaves out what a clamp behind its sum takes from it, which has no effect and counts as noise here. `
    : undefined;
  return markup`<p class="note">SQNR of the stored result, the noise of all layers before in it: <span class="good">good from ${soundDb} dB</span>, <span class="fair">fair from ${suspectDb}</span>, <span class="bad">suspect below</span>; without colour: exact, or not measured. ${cutNote}${bars}</p>`;
}

const percent = (share: number): string => (share > 0 ? `${(100 * share).toFixed(1)} %` : "");

const bar = (share: number): Markup | undefined =>
  share > 0 ? markup`<i class="bar" style="width:${(share * 2.5).toFixed(2)}em"></i>` : undefined;

function noiseClass(db: number | null | undefined): string {
  if (typeof db !== "number") return "";
  return db < suspectDb ? "bad" : db < soundDb ? "fair" : "good";
}

/** How noise grows along the network: the SQNR of each row that was measured. */
export function noiseChart(rows: readonly Row[]): Markup | undefined {
  const points = rows.flatMap(({ result, operators }, index) => {
    const { sqnrDb, isCut } = result;
    return typeof sqnrDb === "number" && !isCut ? [{ index, sqnrDb, name: result.name, operators }] : [];
  });
  if (points.length < 2) return undefined;
  const [width, height, left, bottom] = [340, 130, 30, 18];
  const x = scaleLinear([0, rows.length - 1], [left + 8, width - 8]);
  const top = Math.max(soundDb + 5, ...points.map(({ sqnrDb }) => sqnrDb));
  const y = scaleLinear([Math.min(0, ...points.map(({ sqnrDb }) => sqnrDb)), top], [height - bottom, 8]).nice(
    5,
  );
  const across = (p: (typeof points)[number]): number => x(p.index);
  const curve = line<(typeof points)[number]>(across, (p) => y(p.sqnrDb))
    .curve(curveMonotoneX)
    .digits(1);
  const below = area<(typeof points)[number]>(across, y(0), (p) => y(p.sqnrDb))
    .curve(curveMonotoneX)
    .digits(1);
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="SQNR along the network">
${y.ticks(5).map((db) => markup`<path class="grid" d="M${left},${y(db).toFixed(1)}H${width}"/><text class="tick" x="${left - 5}" y="${(y(db) + 3.5).toFixed(1)}" text-anchor="end">${db}</text>`)}
<path class="limit" d="M${left},${y(suspectDb).toFixed(1)}H${width}"><title>below ${suspectDb} dB a layer is suspect</title></path>
<path class="soft" d="${below(points) ?? ""}"/><path class="curve" d="${curve(points) ?? ""}"/>
${points.map((p) => markup`<circle class="dot" cx="${x(p.index).toFixed(1)}" cy="${y(p.sqnrDb).toFixed(1)}" r="${rows.length > 60 ? 1.5 : 3}"><title>%${p.name} (${p.operators}): ${decibels(p.sqnrDb)} dB</title></circle>`)}
<text class="tick" x="${left}" y="${height - 4}">first layer</text><text class="tick" x="${width}" y="${height - 4}" text-anchor="end">last</text>
</svg>`;
}
