/**
 * The register-tiled contraction: convolution, pointwise and fully connected layers are one schedule.
 *
 * Output axes are told apart by where they occur: in the weights only (*n*, channels), in the activations only (*m*, pixels), in
 * both (*batch*, the groups of a grouped convolution). A tile of P pixels × C vectors of channels accumulates in registers
 * over the whole reduction:
 *
 *     for each step of G elements of K:  C weight vectors, P splatted activations, P·C dots
 *
 * Lanes are output channels, so nothing is ever summed across lanes, and an epilogue is one vector per accumulator. The smaller side
 * of the tile is held in registers, the other streamed. Neighbouring axes whose strides are contiguous merge first: (kx, k) into
 * one run of K, (y, x) into one row of pixels where there is no border. Channel and pixel counts that the tile does not divide are
 * second nests with smaller tiles. Weights are packed in the order of reading; a ragged K is padded with zero weights, which
 * makes the activations read past their end harmless.
 *
 * i32 sums may be taken in any order (two's complement). f32 sums keep the expression's order: one lane is one output, and
 * its products are added one by one.
 *
 * Declines when the step is no product (product.ts), has no channel axis of its own, or does not write it contiguously.
 */
import type { Affine, IndexVariable, Load, Step } from "../../src/expr/expression.ts";
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
import { placeWeights, stepsOf, unpackedSteps, type PlacedWeights } from "./contraction-weights.ts";
import { chooseTile, type Tile } from "./choose-tile.ts";
import { lowerExpression, noReduction } from "./lower-expression.ts";
import { loopIndex, rootScope, type Lowering, type Scope } from "./lowering.ts";
import { fillBorder } from "./write-result.ts";
import { mentions } from "./product.ts";
import { matchContraction, type Contraction } from "./match-contraction.ts";
import { storeVectors } from "./store-vectors.ts";

export function scheduleContraction(step: Step, lowering: Lowering): Statement[] | undefined {
  const contraction = matchContraction(step, lowering);
  if (contraction === undefined) return undefined;
  const { channels, lanes, pixels, outer, granule } = contraction;
  const vectors = Math.ceil(channels.extent / lanes);
  const row = pixels.at(-1)?.extent ?? 1;
  const steps = Math.ceil(contraction.runLength / granule) * product(contraction.outerReduction);
  const tile =
    lowering.target.tiles?.contraction ??
    chooseTile({ row, vectors, steps, accumulators: lowering.target.vector!.accumulators });
  // The groups of one nest are alike: a last vector that is not all channels belongs to the rest.
  const full = Math.floor(Math.floor(channels.extent / lanes) / tile.vectors);
  const rest = vectors - full * tile.vectors;

  const outerLoops = loopsOver(outer, lowering);
  const body: Statement[] = [];
  if (full > 0) body.push(...channelNest(contraction, outerLoops, { ...tile }, 0, full));
  if (rest > 0)
    body.push(...channelNest(contraction, outerLoops, { ...tile, vectors: rest }, full * tile.vectors, 1));
  return [...fillBorder(step, lowering), ...outerLoops.wrap(body)];
}

const product = (variables: readonly IndexVariable[]): number => variables.reduce((n, v) => n * v.extent, 1);

interface Loops {
  readonly bound: ReadonlyMap<IndexVariable, LoopAffine>;
  readonly registers: ReadonlyMap<IndexVariable, Register>;
  wrap(body: readonly Statement[]): Statement[];
}

function loopsOver(variables: readonly IndexVariable[], lowering: Lowering): Loops {
  const registers = new Map<IndexVariable, Register>();
  const bound = new Map<IndexVariable, LoopAffine>();
  for (const v of variables) {
    if (v.extent === 1) bound.set(v, l.loopAffine(0));
    else {
      const register = lowering.register(v.name, i32Type);
      registers.set(v, register);
      bound.set(v, l.loopAffine(0, [{ register, factor: 1 }]));
    }
  }
  return {
    bound,
    registers,
    wrap: (body) => [
      ...variables
        .filter((v) => v.extent > 1)
        .reduceRight<readonly Statement[]>(
          (inner, v) => [l.loop(registers.get(v)!, 0, v.extent, 1, inner)],
          body,
        ),
    ],
  };
}

/** All pixels of `groups` groups of `tile.vectors` channel vectors, the first of which is number `firstVector`. */
function channelNest(
  c: Contraction,
  outerLoops: Loops,
  tile: Tile,
  firstVector: number,
  groups: number,
): Statement[] {
  const { lowering, pixels, lanes } = c;
  const group = lowering.register("g", i32Type);
  const groupAffine = (factor: number): LoopAffine =>
    l.loopAffine(0, groups > 1 ? [{ register: group, factor }] : []);
  const weights = placeWeights(
    c,
    { vectors: tile.vectors, firstVector, groups },
    (groupSize) => l.addLoopAffine(groupAffine(groupSize), outerIndex(c, outerLoops, groupSize * groups)),
    pixels.reduce((n, { extent }) => n * extent, 1) <= tile.pixels && product(c.outerReduction) === 1,
  );
  const rowLoops = loopsOver(
    pixels
      .slice(0, -1)
      .map(({ variable, extent }) => (variable.extent === extent ? variable : { ...variable, extent })),
    lowering,
  );
  const bound = new Map<IndexVariable, LoopAffine>([
    ...c.merged.map((v) => [v, l.loopAffine(0)] as const),
    ...outerLoops.bound,
  ]);
  pixels.slice(0, -1).forEach(({ variable }, i) => bound.set(variable, [...rowLoops.bound.values()][i]!));

  const last = pixels.at(-1);
  const row = last?.extent ?? 1;
  const body: Statement[] = [];
  const emit = (count: number, first: LoopAffine, into: Statement[]): void => {
    const place = (p: number): ReadonlyMap<IndexVariable, LoopAffine> =>
      last === undefined
        ? bound
        : new Map([...bound, [last.variable, l.addLoopAffine(first, l.loopAffine(p))]]);
    emitTile(
      c,
      {
        pixels: Array.from({ length: count }, (_, p) => place(p)),
        vectors: Array.from({ length: tile.vectors }, (_, v) =>
          l.addLoopAffine(groupAffine(tile.vectors * lanes), l.loopAffine((firstVector + v) * lanes)),
        ),
        firstVector,
        groups,
        weights,
      },
      into,
    );
  };
  const whole = Math.floor(row / tile.pixels);
  if (whole > 1) {
    const x = lowering.register("x", i32Type);
    const inner: Statement[] = [];
    emit(tile.pixels, l.loopAffine(0, [{ register: x, factor: tile.pixels }]), inner);
    body.push(l.loop(x, 0, whole, 1, inner));
  } else if (whole === 1) emit(tile.pixels, l.loopAffine(0), body);
  if (row % tile.pixels > 0) emit(row % tile.pixels, l.loopAffine(whole * tile.pixels), body);
  const rows = [...weights.prologue, ...rowLoops.wrap(body)];
  return groups > 1 ? [l.loop(group, 0, groups, 1, rows)] : rows;
}

function outerIndex(c: Contraction, loops: Loops, outerSize: number): LoopAffine {
  let size = outerSize;
  let index = l.loopAffine(0);
  for (const v of [...c.outer].reverse()) {
    index = l.addLoopAffine(index, l.scaleLoopAffine(loops.bound.get(v)!, size));
    size *= v.extent;
  }
  return index;
}

interface TilePlace {
  readonly pixels: readonly ReadonlyMap<IndexVariable, LoopAffine>[];
  /** First channel of each vector. */
  readonly vectors: readonly LoopAffine[];
  readonly firstVector: number;
  readonly groups: number;
  readonly weights: PlacedWeights;
}

function emitTile(c: Contraction, place: TilePlace, into: Statement[]): void {
  const { lowering, lanes, granule, element } = c;
  const accType = vector(element === "i16" ? "i32" : "f32", lanes);
  const operandType = vector(element, lanes * granule);
  // Of several groups all lanes are the tensor's (scheduleContraction).
  const usedFrom = (vector: number): number =>
    place.groups > 1 ? lanes : Math.min(lanes, c.channels.extent - (place.firstVector + vector) * lanes);
  const scopes = place.pixels.map((bound) =>
    place.vectors.map((channel, v) =>
      rootScope(lowering, into, new Map([...bound, [c.channels, channel]]), {
        variable: c.channels,
        count: lanes,
        used: usedFrom(v),
      }),
    ),
  );
  const accs = scopes.map((row, p) => row.map((_, v) => lowering.register(`acc${p}_${v}`, accType)));
  const initialVaries = place.pixels.length > 1 && c.others.some((load) => dependsOnPixels(c, load));
  scopes.forEach((row, p) => {
    row.forEach((scope, v) => {
      const shared =
        p > 0 && !initialVaries
          ? l.read(accs[0]![v]!)
          : lowerExpression(c.reduce.initial, scope, noReduction);
      into.push(l.set(accs[p]![v]!, shared));
    });
  });

  const loops = loopsOver(c.outerReduction, lowering);
  const activationAt = (p: number, step: LoopAffine): LoopExpression => {
    const layout = lowering.layoutOf(c.activation.tensor);
    const flat = flatIndex(layout, c.activation.index as readonly Affine[]);
    const fixed = {
      constant: flat.constant,
      terms: flat.terms.filter(({ variable }) => !c.run.includes(variable)),
    };
    const scope: Scope = rootScope(lowering, into, new Map([...place.pixels[p]!, ...loops.bound]));
    const index = l.addLoopAffine(loopIndex(scope, fixed), l.scaleLoopAffine(step, granule * c.runStride));
    return l.load(operandType, { buffer: layout.buffer, index }, granule);
  };
  const emitStep = (step: LoopAffine, weights: readonly LoopExpression[], inner: Statement[]): void => {
    const kept = (name: string, value: LoopExpression): LoopExpression => {
      const register = lowering.register(name, value.type);
      inner.push(l.set(register, value));
      return l.read(register);
    };
    const accumulate = (p: number, v: number, x: LoopExpression, w: LoopExpression): void => {
      const acc = l.read(accs[p]![v]!);
      inner.push(l.set(accs[p]![v]!, element === "i16" ? l.dot(acc, x, w) : l.add(acc, l.mul(x, w))));
    };
    if (weights.length <= place.pixels.length) {
      const held = weights.map((w) => kept("w", w));
      place.pixels.forEach((_, p) => {
        const x = kept("a", activationAt(p, step));
        held.forEach((w, v) => {
          accumulate(p, v, x, w);
        });
      });
    } else {
      const activations = place.pixels.map((_, p) => kept("a", activationAt(p, step)));
      weights.forEach((weight, v) => {
        const w = activations.length > 1 ? kept("w", weight) : weight;
        activations.forEach((x, p) => {
          accumulate(p, v, x, w);
        });
      });
    }
  };
  const { address, packing } = place.weights;
  if (packing !== undefined)
    into.push(...unpackedSteps(c, place.vectors.length, { address, packing }, emitStep));
  else {
    const steps = stepsOf(c);
    const s = lowering.register("k", i32Type);
    const step = l.loopAffine(0, steps > 1 ? [{ register: s, factor: 1 }] : []);
    const vectorSize = lanes * granule;
    const stepSize = place.vectors.length * vectorSize;
    let size = steps * stepSize;
    let index = l.addLoopAffine(address.index, l.scaleLoopAffine(step, stepSize));
    for (const v of [...c.outerReduction].reverse()) {
      index = l.addLoopAffine(index, l.scaleLoopAffine(loops.bound.get(v)!, size));
      size *= v.extent;
    }
    const weights = place.vectors.map((_, v) =>
      l.load(operandType, { buffer: address.buffer, index: l.shiftLoopAffine(index, v * vectorSize) }),
    );
    const inner: Statement[] = [];
    emitStep(step, weights, inner);
    into.push(...loops.wrap(steps > 1 ? [l.loop(s, 0, steps, 1, inner)] : inner));
  }

  scopes.forEach((row, p) => {
    const values = row.map((scope, v) => {
      scope.values.set(c.reduce, l.read(accs[p]![v]!));
      return lowerExpression(c.step.value, scope, noReduction);
    });
    const channelsLeft =
      c.channels.extent - place.firstVector * lanes - (place.groups - 1) * values.length * lanes;
    storeVectors(c.step, values, row, Math.min(channelsLeft, values.length * lanes));
  });
}

function dependsOnPixels(c: Contraction, load: Load): boolean {
  return c.pixels.some(({ variable }) => mentions(load, variable)) || c.merged.some((v) => mentions(load, v));
}
