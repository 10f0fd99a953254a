/**
 * The memory plan as a picture: time runs down, a row for each step; addresses run across, in shares of the width, so that the
 * picture fits a telephone as well as a screen. A buffer is a rectangle from its first step to its last.
 */
import { scaleLinear } from "d3-scale";
import type { TargetSize } from "../artifacts.ts";
import type { PlacedBuffer } from "../memory-map.ts";
import { bytes, grouped } from "./figures.ts";
import { markup, shortened, type Markup } from "./markup.ts";

const top = 20;

export function memoryPicture(size: TargetSize): Markup {
  const { arenaBytes, arenaLowerBoundBytes, memory } = size;
  const { steps, buffers } = memory;
  const moments = steps.length + 2;
  const rowHeight = moments > 80 ? 12 : 20;
  const height = top + moments * rowHeight + 4;
  const x = scaleLinear([0, Math.max(1, arenaBytes)], [0, 100]);
  const y = (moment: number): number => top + (moment + 1) * rowHeight;
  const labels = ["caller writes", ...steps.map(({ name }) => name), "caller reads"];
  const docs = [
    "the caller writes the inputs",
    ...steps.map(({ doc }) => doc),
    "the caller reads the outputs",
  ];
  const alive = aliveBytes(buffers, steps.length);
  const most = Math.max(...alive);
  // Round numbers of what the labels count in.
  const unit = arenaBytes < 4096 ? 1 : 1024;
  const ticks = scaleLinear([0, Math.max(1, arenaBytes) / unit], [0, 100])
    .ticks(4)
    .map((tick) => tick * unit);
  const names = markup`<svg class="steps" width="100%" height="${height}">${labels.map(
    (label, i) =>
      markup`<text class="${alive[i] === most ? "step full" : "step"}" x="100%" y="${y(i - 1) + rowHeight * 0.7}" text-anchor="end"><title>${label}: ${docs[i]}; ${grouped(alive[i]!)} bytes alive</title>${shortened(label, 20)}</text>`,
  )}</svg>`;
  const bound = x(arenaLowerBoundBytes).toFixed(3);
  const plot = markup`<svg class="plan" width="100%" height="${height}" role="img" aria-label="buffers by address and time">
${ticks.map((tick) => markup`<line class="grid" x1="${x(tick).toFixed(3)}%" x2="${x(tick).toFixed(3)}%" y1="${top}" y2="${height}"/><text class="tick" x="${x(tick).toFixed(3)}%" y="13" text-anchor="${tick === 0 ? "start" : x(tick) > 96 ? "end" : "middle"}">${bytes(tick)}</text>`)}
${buffers.map((buffer) => rectangle(buffer, x, y, rowHeight))}
<line class="bound" x1="${bound}%" x2="${bound}%" y1="${top}" y2="${height}"><title>lower bound: ${grouped(arenaLowerBoundBytes)} bytes</title></line>
</svg>`;
  return markup`<div class="memory"><div>${names}</div><div>${plot}</div></div>`;
}

function rectangle(
  { name, role, offsetBytes, sizeBytes, first, last }: PlacedBuffer,
  x: (bytes: number) => number,
  y: (moment: number) => number,
  rowHeight: number,
): Markup {
  const height = (last - first + 1) * rowHeight - 2;
  const facts = `${name} (${role}): ${grouped(sizeBytes)} bytes at ${grouped(offsetBytes)}`;
  return markup`<svg x="${x(offsetBytes).toFixed(3)}%" y="${y(first) + 1}" width="${x(sizeBytes).toFixed(3)}%" height="${height}"><title>${facts}</title><rect class="buffer ${role}" width="100%" height="100%" rx="3"/><text x="5" y="${Math.min(14, height - 4)}">${shortened(name, 40)}</text>${height > 30 ? markup`<text class="size" x="5" y="28">${bytes(sizeBytes)}</text>` : undefined}</svg>
`;
}

/** Bytes of the buffers that live at each moment. */
function aliveBytes(buffers: readonly PlacedBuffer[], steps: number): number[] {
  return Array.from({ length: steps + 2 }, (_, i) =>
    buffers.reduce(
      (sum, { first, last, sizeBytes }) => sum + (first <= i - 1 && i - 1 <= last ? sizeBytes : 0),
      0,
    ),
  );
}
