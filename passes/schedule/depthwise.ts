/**
 * The depthwise schedule for machines whose only narrow multiply is a dot product: lanes are channels, taps go in pairs.
 *
 *     zip(x_a, x_b) = a0 b0 a1 b1 …      dot(acc, zip(x_a, x_b), zip(w_a, w_b)) = acc_c + a_c·w_a + b_c·w_b
 *
 * Eight channels at a time; the reduction is unrolled, its weights are interleaved when packed and stay in registers for a whole group of
 * channels. Taps pair along the outermost reduction axis, so that neighbouring pixels share not only loads but zipped
 * pairs as well: a column of two rows is zipped once for every window that covers it. A last row without a partner is paired along
 * itself; where windows advance tap by tap, by the parity of the column, so that neighbours share those zips too: windows that start in the
 * middle of a pair have the weight 0 for the column before them. An odd tap is zipped with zeros.
 *
 * Declines when the step is no product of i16 lanes, when the channel axis is not contiguous in activations and result, when the
 * weights vary with anything but channel and tap, or when the reduction is too long to unroll.
 */
import type { Affine, IndexVariable, Step } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex } from "../../src/loops/layout.ts";
import {
  i32Type,
  vector,
  type LoopAffine,
  type LoopExpression,
  type Register,
  type Statement,
} from "../../src/loops/loop.ts";
import { packingOf } from "../../src/loops/packing.ts";
import { isNarrow } from "../../src/tensor/element-type.ts";
import { lowerExpression, noReduction } from "./lower-expression.ts";
import { loopIndex, rootScope, type Lowering, type Scope } from "./lowering.ts";
import { fillBorder } from "./write-result.ts";
import { packed, walkConstant } from "./pack.ts";
import { matchProduct, mentions, strideOf, type Product } from "./product.ts";
import { bindDomain, wrap } from "./scalar.ts";
import { storeVectors } from "./store-vectors.ts";
import {
  laneMasks,
  packedLanes,
  packedStreams,
  periodOf,
  unpackPeriod,
  wordsOfPeriod,
} from "./unpack-lanes.ts";

const longestReduction = 49;
const channelsPerGroup = 8;
const i16x8 = vector("i16", 8);
const i32x4 = vector("i32", 4);

/** Values of the reduction variables; outside their extents the weight is 0. */
type Tap = ReadonlyMap<IndexVariable, number>;
type Pair = readonly [Tap, Tap | undefined];

interface Depthwise extends Product {
  readonly step: Step;
  readonly lowering: Lowering;
  readonly channels: IndexVariable;
  readonly row: IndexVariable | undefined;
  /** All pairs there are weights for. */
  readonly pairs: readonly Pair[];
  /** The pairs of pixel `p` of a tile of `count`: what to read, and the number of its weights in `pairs`. */
  readonly pairsOf: (
    p: number,
    count: number,
  ) => readonly { readonly pair: Pair; readonly weights: number }[];
}

export function scheduleDepthwise(step: Step, lowering: Lowering): Statement[] | undefined {
  const d = match(step, lowering);
  if (d === undefined) return undefined;
  const { channels, row } = d;
  const rows = bindDomain(
    step.domain.filter((v) => v !== channels && v !== row),
    lowering,
  );
  const full = Math.floor(channels.extent / channelsPerGroup);
  const rest = channels.extent % channelsPerGroup;
  const body = fillBorder(step, lowering);
  if (full > 0) body.push(...channelNest(d, rows, 0, full, channelsPerGroup));
  if (rest > 0) body.push(...channelNest(d, rows, full, 1, rest));
  return body;
}

function match(step: Step, lowering: Lowering): Depthwise | undefined {
  const found = matchProduct(step, lowering);
  if (found?.element !== "i16" || lowering.target.vector?.lanes32 !== 4) return undefined;
  const target = { tensor: step.target, index: step.index };
  const varying = step.domain.filter((v) => v.extent > 1);
  const [channels, ...more] = varying.filter((v) => mentions(found.weight, v));
  if (channels === undefined || more.length > 0) return undefined;
  const contiguous = [found.activation, target].every((access) => strideOf(access, channels, lowering) === 1);
  if (!contiguous || !found.others.every((load) => [0, 1].includes(strideOf(load, channels, lowering))))
    return undefined;
  if (found.reduce.over.reduce((n, v) => n * v.extent, 1) > longestReduction) return undefined;
  const row = varying.filter((v) => v !== channels).at(-1);
  const inner = found.reduce.over.filter((v) => v.extent > 1).at(-1);
  const slides =
    row !== undefined &&
    inner !== undefined &&
    strideOf(found.activation, row, lowering) === strideOf(found.activation, inner, lowering);
  return { ...found, step, lowering, channels, row, ...pairTaps(found.reduce.over, slides) };
}

/**
 * Pairs neighbours along the outermost axis; what an odd extent leaves over is paired along the rest. `slides`: the next pixel's
 * window is this one's, one tap of the innermost axis further.
 */
function pairTaps(over: readonly IndexVariable[], slides: boolean): Pick<Depthwise, "pairs" | "pairsOf"> {
  const outer = over.find((v) => v.extent > 1);
  const origin: Tap = new Map(over.map((v) => [v, 0]));
  if (outer === undefined) return fixedPairs([[origin, undefined]]);
  const inner = over.filter((v) => v !== outer);
  const points = pointsOf(inner);
  const at = (point: Tap, i: number): Tap => new Map([...point, [outer, i]]);
  const whole: Pair[] = [];
  for (let i = 0; i + 1 < outer.extent; i += 2)
    for (const point of points) whole.push([at(point, i), at(point, i + 1)]);
  if (outer.extent % 2 === 0) return fixedPairs(whole);

  const last = outer.extent - 1;
  const line = inner.filter((v) => v.extent > 1);
  const [along] = line;
  if (!slides || along === undefined || line.length > 1 || along.extent % 2 === 0) {
    const rest: Pair[] = [];
    for (let i = 0; i < points.length; i += 2) {
      const next = points[i + 1];
      rest.push([at(points[i]!, last), next && at(next, last)]);
    }
    return fixedPairs([...whole, ...rest]);
  }
  const place = (i: number): Tap => new Map([...origin, [outer, last], [along, i]]);
  const half = (along.extent + 1) / 2;
  const even = Array.from({ length: half }, (_, i): Pair => [place(2 * i), place(2 * i + 1)]);
  const odd = Array.from({ length: half }, (_, i): Pair => [place(2 * i - 1), place(2 * i)]);
  const pairs = [...whole, ...even, ...odd];
  return {
    pairs,
    pairsOf: (p, count) => {
      const first = p % 2 === 0 ? whole.length : whole.length + half;
      const numbers = [...whole.keys(), ...even.map((_, i) => first + i)];
      return numbers.map((weights) => {
        const [a, b] = pairs[weights]!;
        // No window of the tile covers the column after the last one: it may not even exist.
        const beyond = b !== undefined && p + b.get(along)! > count - 1 + along.extent - 1;
        return { weights, pair: beyond ? [a, undefined] : [a, b] };
      });
    },
  };
}

/** Every point of a box, in row-major order. */
const pointsOf = (variables: readonly IndexVariable[]): Tap[] =>
  variables.reduce<Tap[]>(
    (points, v) =>
      points.flatMap((point) => Array.from({ length: v.extent }, (_, i) => new Map([...point, [v, i]]))),
    [new Map()],
  );

const fixedPairs = (pairs: readonly Pair[]): Pick<Depthwise, "pairs" | "pairsOf"> => ({
  pairs,
  pairsOf: () => pairs.map((pair, weights) => ({ pair, weights })),
});

/** All pixels of `groups` groups, the first of which is number `first`; `channels` of a group's eight are the tensor's. */
function channelNest(
  d: Depthwise,
  rows: ReturnType<typeof bindDomain>,
  first: number,
  groups: number,
  channels: number,
): Statement[] {
  const { lowering } = d;
  const halves = channels > 4 ? 2 : 1;
  const g = lowering.register("g", i32Type);
  const group = (factor: number): LoopAffine => l.loopAffine(0, groups > 1 ? [{ register: g, factor }] : []);
  const channel = (half: number): LoopAffine =>
    l.addLoopAffine(group(channelsPerGroup), l.loopAffine(first * channelsPerGroup + half * 4));

  const head: Statement[] = [];
  const vectors = readWeights(d, orderWeights(d, first, groups, halves), group, head).map((value) => {
    const register = lowering.register("w", i16x8);
    head.push(l.set(register, value));
    return l.read(register);
  });
  const weights = d.pairs.map((_, pair) => vectors.slice(pair * halves, (pair + 1) * halves));

  const width = d.row?.extent ?? 1;
  const pixels = lowering.target.tiles?.depthwisePixels ?? choosePixels(width);
  const emit = (count: number, start: LoopAffine, into: Statement[]): void => {
    emitTile(d, { count, start, rows: rows.variables, weights, channel, channels }, into);
  };
  const body: Statement[] = [];
  const whole = Math.floor(width / pixels);
  if (whole > 1) {
    const x = lowering.register("x", i32Type);
    const inner: Statement[] = [];
    emit(pixels, l.loopAffine(0, [{ register: x, factor: pixels }]), inner);
    body.push(l.loop(x, 0, whole, 1, inner));
  } else if (whole === 1) emit(pixels, l.loopAffine(0), body);
  if (width % pixels > 0) emit(width % pixels, l.loopAffine(whole * pixels), body);
  const nest = [...head, ...wrap(rows.loops, body)];
  return groups > 1 ? [l.loop(g, 0, groups, 1, nest)] : nest;
}

/** Four or five windows share most of their columns and still fit the registers; the fewest left-over pixels decide. */
function choosePixels(width: number): number {
  if (width <= 5) return width;
  return [4, 5, 3].reduce((best, p) => (width % p < width % best ? p : best));
}

/** For each group [pair][half][lane][tap of the pair]; undefined where there is no such tap or channel. */
function orderWeights(d: Depthwise, first: number, groups: number, halves: number): (number | undefined)[][] {
  const walk = walkConstant(d.weight);
  const weightOf = (tap: Tap, channel: number): number => {
    const offset = [...tap].reduce(
      (sum, [v, at]) => sum + at * walk.strideOf(v),
      channel * walk.strideOf(d.channels),
    );
    return walk.at(walk.constant + offset);
  };
  return Array.from({ length: groups }, (_, group) => {
    const values: (number | undefined)[] = [];
    for (const pair of d.pairs)
      for (let half = 0; half < halves; half++)
        for (let lane = 0; lane < 4; lane++)
          for (const tap of pair) {
            const channel = (first + group) * channelsPerGroup + half * 4 + lane;
            const inside = tap !== undefined && [...tap].every(([v, at]) => at >= 0 && at < v.extent);
            values.push(inside && channel < d.channels.extent ? weightOf(tap, channel) : undefined);
          }
    return values;
  });
}

/** The vectors of one group, those of less than a byte unpacked from their bits. */
function readWeights(
  { lowering, weight: { tensor } }: Depthwise,
  groups: readonly (readonly (number | undefined)[])[],
  group: (factor: number) => LoopAffine,
  head: Statement[],
): LoopExpression[] {
  const name = `${tensor.name}.packed`;
  const size = groups[0]!.length;
  const count = size / packedLanes;
  if (!isNarrow(tensor.element)) {
    const { element, data } = packed(
      "i16",
      groups.flatMap((values) => values.map((value) => value ?? 0)),
    );
    const buffer = lowering.constant(name, element, data);
    return Array.from({ length: count }, (_, i) =>
      l.load(i16x8, { buffer, index: l.shiftLoopAffine(group(size), i * packedLanes) }),
    );
  }
  const packing = packingOf(tensor.element);
  const periods = Math.ceil(count / periodOf(packing));
  const padding = new Array<undefined>((periods * periodOf(packing) - count) * packedLanes).fill(undefined);
  const streams = groups.flatMap((values) => [...values, ...padding]);
  const buffer = packedStreams(streams, packing, name, lowering);
  const words = wordsOfPeriod(packing) * packedLanes;
  const unpacked = Array.from({ length: periods }, (_, i) =>
    unpackPeriod(buffer, l.shiftLoopAffine(group(periods * words), i * words), packing, lowering, head),
  ).flat();
  // The code of a tap that is none is 0, and so is its weight, unless weights are odd.
  const masked = laneMasks(lowering);
  return unpacked.slice(0, count).map((value, i) => {
    const lanes = groups[0]!.slice(i * packedLanes, (i + 1) * packedLanes);
    return packing.odd
      ? masked(
          value,
          lanes.map((lane) => lane !== undefined),
        )
      : value;
  });
}
interface TilePlace {
  readonly count: number;
  readonly start: LoopAffine;
  readonly rows: ReadonlyMap<IndexVariable, LoopAffine>;
  /** [pair][half] */
  readonly weights: readonly (readonly LoopExpression[])[];
  readonly channel: (half: number) => LoopAffine;
  readonly channels: number;
}

function emitTile(d: Depthwise, place: TilePlace, into: Statement[]): void {
  const { lowering, row } = d;
  const halves = place.weights[0]!.length;
  const pixelAt = (p: number): ReadonlyMap<IndexVariable, LoopAffine> =>
    row === undefined
      ? place.rows
      : new Map([...place.rows, [row, l.addLoopAffine(place.start, l.loopAffine(p))]]);
  const scopes = Array.from({ length: place.count }, (_, p) =>
    Array.from({ length: halves }, (_, half) =>
      rootScope(lowering, into, new Map([...pixelAt(p), [d.channels, place.channel(half)]]), {
        variable: d.channels,
        count: 4,
        used: Math.min(4, place.channels - half * 4),
      }),
    ),
  );
  const shared = sharedRegisters(into, lowering);
  const layout = lowering.layoutOf(d.activation.tensor);
  const flat = flatIndex(layout, d.activation.index as readonly Affine[]);
  const tapAt = (p: number, tap: Tap): LoopExpression => {
    const fixed = new Map([...tap].map(([v, value]) => [v, l.loopAffine(value)] as const));
    const scope: Scope = rootScope(
      lowering,
      into,
      new Map([...pixelAt(p), [d.channels, place.channel(0)], ...fixed]),
    );
    const index = loopIndex(scope, flat);
    return shared(`a${index.constant}`, "a", () => l.load(i16x8, { buffer: layout.buffer, index }));
  };
  const nothing = l.constant(i16x8, 0);

  scopes.forEach((halvesOf, p) => {
    const accs: Register[] = halvesOf.map((scope, half) => {
      const acc = lowering.register(`acc${p}_${half}`, i32x4);
      into.push(l.set(acc, lowerExpression(d.reduce.initial, scope, noReduction)));
      return acc;
    });
    for (const {
      pair: [a, b],
      weights,
    } of d.pairsOf(p, place.count)) {
      const left = tapAt(p, a);
      const right = b === undefined ? nothing : tapAt(p, b);
      accs.forEach((acc, half) => {
        const key = `z${nameOf(left)}.${nameOf(right)}.${half}`;
        const zipped = shared(key, "z", () => ({
          kind: "zip",
          type: i16x8,
          part: half === 0 ? 0 : 1,
          left,
          right,
        }));
        into.push(l.set(acc, l.dot(l.read(acc), zipped, place.weights[weights]![half]!)));
      });
    }
    const values = halvesOf.map((scope, half) => {
      scope.values.set(d.reduce, l.read(accs[half]!));
      return lowerExpression(d.step.value, scope, noReduction);
    });
    storeVectors(d.step, values, halvesOf, place.channels);
  });
}

const nameOf = (e: LoopExpression): string => (e.kind === "register" ? e.register.name : "0");

/** Value numbering: the same load or zip of neighbouring windows is one register. */
function sharedRegisters(
  into: Statement[],
  lowering: Lowering,
): (key: string, name: string, make: () => LoopExpression) => LoopExpression {
  const known = new Map<string, LoopExpression>();
  return (key, name, make) => {
    let value = known.get(key);
    if (value === undefined) {
      const expression = make();
      const register = lowering.register(name, expression.type);
      into.push(l.set(register, expression));
      value = l.read(register);
      known.set(key, value);
    }
    return value;
  };
}
