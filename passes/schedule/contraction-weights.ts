/**
 * The weights of a contraction in the order its tiles read them,
 *
 *     [outer…][group of channels][outer reduction…][step][vector][lane][element of the step]
 *
 * zeros where a tile overhangs the reduction. Weights of less than a byte keep their bits in that order (unpack-lanes.ts). Each group of
 * channels unpacks its own before its first tile of pixels; where there is one tile, the tile does as it goes.
 */
import type { IndexVariable } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import {
  i32Type,
  vector,
  type Address,
  type Buffer,
  type LoopAffine,
  type LoopExpression,
  type Statement,
} from "../../src/loops/loop.ts";
import { packingOf, type Packing } from "../../src/loops/packing.ts";
import { isNarrow } from "../../src/tensor/element-type.ts";
import type { Contraction } from "./match-contraction.ts";
import { packed, pointOffsets, walkConstant } from "./pack.ts";
import {
  laneMasks,
  packedLanes,
  packedStreams,
  periodOf,
  unpackInto,
  unpackPeriod,
  wordsOfPeriod,
} from "./unpack-lanes.ts";

/** `groups` groups of `vectors` vectors of channels, the first of which is number `firstVector`. */
export interface ChannelGroups {
  readonly vectors: number;
  readonly firstVector: number;
  readonly groups: number;
}

export interface PlacedWeights {
  /** To run at the start of a group. */
  readonly prologue: readonly Statement[];
  /** Where the group's weights then begin. */
  readonly address: Address;
  /** They are still packed. */
  readonly packing?: Packing;
}

/**
 * `groupAt`: where a group begins that is this many elements long, in the loops around it. `readOnce`: a group's weights are read by
 * one tile, in one run.
 */
export function placeWeights(
  c: Contraction,
  channels: ChannelGroups,
  groupAt: (groupSize: number) => LoopAffine,
  readOnce: boolean,
): PlacedWeights {
  const { element, name } = c.weight.tensor;
  const groups = orderWeights(c, channels);
  const size = groups[0]?.length ?? 0;
  if (isNarrow(element)) return unpackGroups(c, channels, groups, packingOf(element), groupAt, readOnce);
  const { element: stored, data } = packed(
    c.element,
    groups.flatMap((group) => group.map((value) => value ?? 0)),
  );
  const buffer = c.lowering.constant(`${name}.packed`, stored, data);
  return { prologue: [], address: { buffer, index: groupAt(size) } };
}

/** Each group's weights; undefined where the tile overhangs. */
function orderWeights(
  c: Contraction,
  { vectors, firstVector, groups }: ChannelGroups,
): (number | undefined)[][] {
  const walk = walkConstant(c.weight);
  const channelStride = walk.strideOf(c.channels);
  const runOffsets = pointOffsets(c.run, walk.strideOf);
  const steps = stepsOf(c);
  const ordered: (number | undefined)[][] = [];
  for (const outer of pointOffsets(c.outer, walk.strideOf))
    for (let group = 0; group < groups; group++) {
      const values: (number | undefined)[] = [];
      for (const reduction of pointOffsets(c.outerReduction, walk.strideOf))
        for (let step = 0; step < steps; step++)
          for (let lane = 0; lane < vectors * c.lanes; lane++)
            for (let g = 0; g < c.granule; g++) {
              const channel = (firstVector + group * vectors) * c.lanes + lane;
              const k = runOffsets[step * c.granule + g];
              const inside = k !== undefined && channel < c.channels.extent;
              values.push(
                inside ? walk.at(walk.constant + outer + reduction + k + channel * channelStride) : undefined,
              );
            }
      ordered.push(values);
    }
  return ordered;
}

function unpackGroups(
  c: Contraction,
  { vectors }: ChannelGroups,
  groups: readonly (readonly (number | undefined)[])[],
  packing: Packing,
  groupAt: (groupSize: number) => LoopAffine,
  readOnce: boolean,
): PlacedWeights {
  const { lowering, weight } = c;
  const { name } = weight.tensor;
  const period = periodOf(packing);
  const unpadded = (groups[0]?.length ?? 0) / packedLanes;
  const count = Math.ceil(unpadded / period) * period;
  const padding = new Array<undefined>((count - unpadded) * packedLanes).fill(undefined);
  const streams = groups.flatMap((group) => [...group, ...padding]);
  const source = packedStreams(streams, packing, `${name}.packed`, lowering);
  const from = groupAt((count / period) * wordsOfPeriod(packing) * packedLanes);
  if (readOnce) return { prologue: [], address: { buffer: source, index: from }, packing };
  const scratch = lowering.scratch(`${name}.unpacked`, "i16", count * packedLanes);
  const prologue = unpackInto(scratch, source, from, count, packing, lowering);
  // The code of an overhanging weight is 0, and so is the weight, unless weights are odd.
  if (packing.odd && c.runLength % c.granule > 0) prologue.push(...clearOverhang(c, vectors, scratch));
  return { prologue, address: { buffer: scratch, index: l.loopAffine(0) } };
}

/** Sets the second of two weights to zero in the last step of every run. */
function clearOverhang(c: Contraction, vectors: number, scratch: Buffer): Statement[] {
  const { lowering, lanes, granule } = c;
  const type = vector("i16", packedLanes);
  const runs = c.outerReduction.reduce((n, v: IndexVariable) => n * v.extent, 1);
  const used = c.runLength % granule;
  const kept = Array.from({ length: packedLanes }, (_, i) => i % granule < used);
  const masked = laneMasks(lowering);
  const run = lowering.register("r", i32Type);
  const size = stepsOf(c) * vectors * lanes * granule;
  const first = (stepsOf(c) - 1) * vectors * lanes * granule;
  const body = Array.from({ length: vectors }, (_, v): Statement => {
    const at: Address = {
      buffer: scratch,
      index: l.loopAffine(first + v * packedLanes, runs > 1 ? [{ register: run, factor: size }] : []),
    };
    return l.store(at, masked(l.load(type, at), kept));
  });
  return runs > 1 ? [l.loop(run, 0, runs, 1, body)] : body;
}

/**
 * The steps of a run whose weights are unpacked as they are read: a turn of the loop takes as many steps as read whole periods, `emitStep`
 * being given the step and its vectors of weights.
 */
export function unpackedSteps(
  c: Contraction,
  vectors: number,
  { address, packing }: { readonly address: Address; readonly packing: Packing },
  emitStep: (step: LoopAffine, weights: readonly LoopExpression[], into: Statement[]) => void,
): Statement[] {
  const { lowering, granule } = c;
  const steps = stepsOf(c);
  const period = periodOf(packing);
  let turn = 1;
  while ((turn * vectors) % period !== 0) turn++;
  const used = c.runLength % granule;
  // The last step's weights differ from the others': they stay out of the loop.
  const clears = packing.odd && used > 0;
  const turns = Math.floor((clears ? steps - 1 : steps) / turn);
  const masked = laneMasks(lowering);
  const kept = Array.from({ length: packedLanes }, (_, i) => i % granule < used);
  const emit = (first: LoopAffine, words: LoopAffine, count: number, into: Statement[]): void => {
    const unpacked = Array.from({ length: Math.ceil((count * vectors) / period) }, (_, i) => {
      const index = l.shiftLoopAffine(words, i * wordsOfPeriod(packing) * packedLanes);
      return unpackPeriod(address.buffer, index, packing, lowering, into);
    }).flat();
    for (let i = 0; i < count; i++) {
      const step = l.shiftLoopAffine(first, i);
      const weights = unpacked.slice(i * vectors, (i + 1) * vectors);
      const last = clears && step.terms.length === 0 && step.constant === steps - 1;
      emitStep(step, last ? weights.map((w) => masked(w, kept)) : weights, into);
    }
  };
  const wordsOfTurn = ((turn * vectors) / period) * wordsOfPeriod(packing) * packedLanes;
  const register = lowering.register("k", i32Type);
  const along = (factor: number): LoopAffine => l.loopAffine(0, turns > 1 ? [{ register, factor }] : []);
  const body: Statement[] = [];
  if (turns > 0) emit(along(turn), l.addLoopAffine(address.index, along(wordsOfTurn)), turn, body);
  const nest = turns > 1 ? [l.loop(register, 0, turns, 1, body)] : body;
  emit(
    l.loopAffine(turns * turn),
    l.shiftLoopAffine(address.index, turns * wordsOfTurn),
    steps - turns * turn,
    nest,
  );
  return nest;
}

export const stepsOf = ({ runLength, granule }: Contraction): number => Math.ceil(runLength / granule);
