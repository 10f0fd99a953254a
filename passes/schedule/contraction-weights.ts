/**
 * The weights of a contraction in the order its tiles read them,
 *
 *     [outer…][group of channels][outer reduction…][step][vector][lane][element of the step]
 *
 * zeros where a tile overhangs the reduction. Weights of less than a byte keep their bits in that order, and each group of channels
 * unpacks its own before its first pixel (unpack-lanes.ts).
 */
import type { IndexVariable } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import {
  i32Type,
  vector,
  type Address,
  type Buffer,
  type LoopAffine,
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
}

/** `groupAt`: where a group begins that is this many elements long, in the loops around it. */
export function placeWeights(
  c: Contraction,
  channels: ChannelGroups,
  groupAt: (groupSize: number) => LoopAffine,
): PlacedWeights {
  const { element, name } = c.weight.tensor;
  const groups = orderWeights(c, channels);
  const size = groups[0]?.length ?? 0;
  if (isNarrow(element)) return unpackGroups(c, channels, groups, packingOf(element), groupAt);
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
): PlacedWeights {
  const { lowering, weight } = c;
  const { name } = weight.tensor;
  const period = periodOf(packing);
  const unpadded = (groups[0]?.length ?? 0) / packedLanes;
  const count = Math.ceil(unpadded / period) * period;
  const padding = new Array<undefined>((count - unpadded) * packedLanes).fill(undefined);
  const streams = groups.flatMap((group) => [...group, ...padding]);
  const source = packedStreams(streams, packing, `${name}.packed`, lowering);
  const scratch = lowering.scratch(`${name}.unpacked`, "i16", count * packedLanes);
  const from = groupAt((count / period) * wordsOfPeriod(packing) * packedLanes);
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

const stepsOf = ({ runLength, granule }: Contraction): number => Math.ceil(runLength / granule);
