/**
 * What each value was on the samples, over what its integers can hold. Heights are square roots of counts, so that rare
 * large values, which cost resolution or are clipped, can be seen beside the many small ones.
 */
import { scaleLinear, scaleSqrt } from "d3-scale";
import { area, curveStepAfter } from "d3-shape";
import { elementRange, isElementType } from "../../tensor/element-type.ts";
import type { RangeRecord } from "../measure-layers.ts";
import type { Report } from "../report.ts";
import { percent, significant } from "./figures.ts";
import { markup, shortened, type Markup } from "./markup.ts";

const [width, height, base] = [220, 74, 58];

export function histograms({ ranges, passes, layers }: Report): Markup {
  // A reshaped value is the same numbers again.
  const views = new Set(layers.flatMap(({ name, operator }) => (operator === "reshape" ? [name] : [])));
  const methods = new Map(
    passes.flatMap(({ findings }) =>
      findings.flatMap(({ value, method }): [string, string][] =>
        typeof value === "string" && typeof method === "string" ? [[value, method]] : [],
      ),
    ),
  );
  const cut = new Set(layers.flatMap(({ name, isCut }) => (isCut ? [name] : [])));
  return markup`<div class="cards">${ranges.filter(({ value }) => !views.has(value)).map((range) => card(range, methods.get(range.value), cut.has(range.value)))}</div>`;
}

function card(range: RangeRecord, method: string | undefined, isCut: boolean): Markup {
  const { value, low, high, seenLow, seenHigh, element } = range;
  const rule = method === undefined ? element : `${element}, ${method}`;
  return markup`<figure><figcaption><b title="${value}">${shortened(value, 26)}</b><span>${rule}</span></figcaption>
${picture(range)}
<small>seen ${significant(seenLow)} to ${significant(seenHigh)}, holds ${significant(low)} to ${significant(high)}${clippedText(range, isCut)}</small></figure>
`;
}

/** A few in ten thousand are what a percentile leaves out on purpose. */
export const clippedShare = 0.001;

/** A step beyond the ends loses little more than rounding does: of a softmax, 1 is always clipped to 255/256. */
function clippedText(
  { clipped, low, high, seenLow, seenHigh, element }: RangeRecord,
  isCut: boolean,
): Markup | undefined {
  if (clipped === 0) return undefined;
  const text = `${percent(clipped)} clipped`;
  if (isCut) return markup`, ${text}, most of it without effect`;
  const beyond = Math.max(low - seenLow, seenHigh - high);
  if (beyond <= stepOf(low, high, element)) return markup`, ${text}, by at most a step`;
  return clipped < clippedShare ? markup`, ${text}` : markup`, <em>${text}</em>`;
}

function stepOf(low: number, high: number, element: string): number {
  if (!isElementType(element)) return 0;
  const { min, max } = elementRange(element);
  return (high - low) / (max - min);
}

function picture({ low, high, histogram: { from, width: step, counts } }: RangeRecord): Markup {
  const end = from + step * counts.length;
  const x = scaleLinear([Math.min(low, from), Math.max(high, end)], [4, width - 4]);
  const y = scaleSqrt([0, Math.max(1, ...counts)], [base, 4]);
  const edges = [...counts.map((count, i) => ({ at: from + i * step, count })), { at: end, count: 0 }];
  const fill = area<(typeof edges)[number]>(
    ({ at }) => x(at),
    base,
    ({ count }) => y(count),
  )
    .curve(curveStepAfter)
    .digits(1);
  const [a, b] = [x(low), x(high)];
  return markup`<svg viewBox="0 0 ${width} ${height}" aria-hidden="true">
<rect class="held" x="${a.toFixed(1)}" y="2" width="${Math.max(0, b - a).toFixed(1)}" height="${base - 2}"/>
<path class="counts" d="${fill(edges) ?? ""}"/>
<path class="ends" d="M${a.toFixed(1)},2V${base}M${b.toFixed(1)},2V${base}"/><path class="axis" d="M4,${base}H${width - 4}"/>
${x.ticks(4).map((tick) => markup`<text class="tick" x="${x(tick).toFixed(1)}" y="${height - 4}" text-anchor="middle">${significant(tick)}</text>`)}
</svg>`;
}
