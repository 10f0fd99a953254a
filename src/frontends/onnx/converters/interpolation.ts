/**
 * Where resized entries come from, along one axis: a few entries of the operand and their weights, as ONNX's reference has it.
 *
 * Result x lies at `place(x)` of the operand, say 2.3; with base = ceil(place) - 1 the filter reads entries base + start … with weights
 * of their distance from the place, linear ones two, cubic ones four, antialiased ones as many as 1 / scale makes of that. Entries
 * outside are the nearest inside, or left out, the others being scaled up, with `excludeOutside`.
 */
export type Coordinates =
  | "half_pixel"
  | "half_pixel_symmetric"
  | "pytorch_half_pixel"
  | "align_corners"
  | "asymmetric"
  | "tf_half_pixel_for_nn"
  | "tf_crop_and_resize";

export const coordinates: readonly string[] = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
] satisfies readonly Coordinates[];

export type Rounding = "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil";

export const roundings: readonly string[] = [
  "round_prefer_floor",
  "round_prefer_ceil",
  "floor",
  "ceil",
] satisfies readonly Rounding[];

export interface ResizedAxis {
  /** Entries of the operand and of the result. */
  readonly from: number;
  readonly to: number;
  /** As given, or to / from. */
  readonly scale: number;
  readonly coordinates: Coordinates;
  /** Start and end of the region, as parts of the axis, for tf_crop_and_resize. */
  readonly region: readonly [number, number];
}

/** The place of result x in the operand, a real number. */
export function placeOf(x: number, { from, to, scale, coordinates: mode, region }: ResizedAxis): number {
  // The length before it was rounded down.
  const length = scale * from;
  switch (mode) {
    case "half_pixel":
      return (x + 0.5) / scale - 0.5;
    case "half_pixel_symmetric":
      return (from / 2) * (1 - to / length) + (x + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return length === 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case "align_corners":
      return length === 1 ? 0 : (x * (from - 1)) / (length - 1);
    case "asymmetric":
      return x / scale;
    case "tf_half_pixel_for_nn":
      return (x + 0.5) / scale;
    case "tf_crop_and_resize": {
      const [start, end] = region;
      const within =
        length === 1 ? ((end - start) * (from - 1)) / 2 : (x * (end - start) * (from - 1)) / (length - 1);
      return start * (from - 1) + within;
    }
  }
}

/** The results whose place is outside the operand: tf_crop_and_resize fills them with a constant. */
export const isOutside = (x: number, axis: ResizedAxis): boolean => {
  const place = placeOf(x, axis);
  return place < 0 || place > axis.from - 1;
};

const limited = (i: number, extent: number): number => Math.max(0, Math.min(extent - 1, i));

/** The entry each result is a copy of. */
export function nearestEntries(axis: ResizedAxis, rounding: Rounding): number[] {
  return Array.from({ length: axis.to }, (_, x) => {
    const place = placeOf(x, axis);
    return limited(roundedBy(place, rounding), axis.from);
  });
}

function roundedBy(place: number, rounding: Rounding): number {
  const below = Math.floor(place);
  if (below === place || rounding === "floor") return below;
  if (rounding === "ceil") return below + 1;
  const half = place - below === 0.5;
  if (half) return rounding === "round_prefer_floor" ? below : below + 1;
  return place - below < 0.5 ? below : below + 1;
}

export interface Filter {
  readonly kind: "linear" | "cubic";
  /** The parameter a of the cubic. */
  readonly coefficient: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
}

export interface Taps {
  /** [to, taps] each, row by row. */
  readonly indices: Int32Array;
  readonly weights: Float32Array;
  readonly taps: number;
}

/** @param reserve is told how many entries each result takes, before there are any */
export function tapsOf(axis: ResizedAxis, filter: Filter, reserve: (taps: number) => void): Taps {
  const shrink = filter.antialias ? Math.min(axis.scale, 1) : 1;
  const radius = filter.kind === "linear" ? 1 : 2;
  const start = Math.floor(-radius / shrink) + 1;
  const taps = 2 - 2 * start;
  reserve(taps);
  const indices = new Int32Array(axis.to * taps);
  const weights = new Float32Array(axis.to * taps);
  const row = new Float64Array(taps);
  for (let x = 0; x < axis.to; x++) {
    const place = placeOf(x, axis);
    const first = Math.ceil(place) - 1 + start;
    for (let t = 0; t < taps; t++) {
      const entry = first + t;
      const outside = entry < 0 || entry >= axis.from;
      row[t] = filter.excludeOutside && outside ? 0 : weightAt(filter, (entry - place) * shrink);
      indices[x * taps + t] = limited(entry, axis.from);
    }
    const total = row.reduce((sum, weight) => sum + weight, 0);
    for (let t = 0; t < taps; t++) weights[x * taps + t] = row[t]! / total;
  }
  return { taps, indices, weights };
}

/** The filter at a distance. */
function weightAt({ kind, coefficient: a }: Filter, distance: number): number {
  const x = Math.abs(distance);
  if (kind === "linear") return Math.max(0, 1 - x);
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}
