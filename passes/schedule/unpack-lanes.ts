/**
 * Packed weights for vector schedules. What a schedule would read as vectors of i16 is kept as streams of bits, one a lane
 * (src/loops/packing.ts): `period` vectors of weights of b bits in b·period / 16 vectors of words, which shifts take apart in all
 * lanes at once, without a multiplication or a shuffle.
 *
 *     bits t … t + b - 1 of word w:            w << (16 - b - t) >> (16 - b)
 *     of which n are in w, the rest in w':     (w' << (16 - b + n) >> (16 - b)) | (w >>> 16 - n)
 *
 * A tile reads its weights once a pixel, so they are unpacked once a group of channels, into scratch of the group's size.
 */
import * as l from "../../src/loops/build.ts";
import {
  i32Type,
  vector,
  type Buffer,
  type LoopAffine,
  type LoopExpression,
  type Statement,
} from "../../src/loops/loop.ts";
import { codeOf, elementsOfWholeWords, packLanes, type Packing } from "../../src/loops/packing.ts";
import type { Lowering } from "./lowering.ts";

export const packedLanes = 8;
const i16x8 = vector("i16", packedLanes);

/** Vectors of weights in whole words. */
export const periodOf = ({ bits }: Packing): number => elementsOfWholeWords(bits, 16);

/** Vectors of words that hold them. */
export const wordsOfPeriod = (packing: Packing): number => (periodOf(packing) * packing.bits) / 16;

/** Streams of the values, which are whole periods; what is undefined may read as anything. */
export function packedStreams(
  values: readonly (number | undefined)[],
  packing: Packing,
  name: string,
  lowering: Lowering,
): Buffer {
  const codes = values.map((value) => (value === undefined ? 0 : codeOf(value, packing)));
  return lowering.constant(name, "i16", packLanes(codes, packing.bits, packedLanes));
}

/** The `period` vectors whose words begin at `index`, from the first to the last. */
export function unpackPeriod(
  buffer: Buffer,
  index: LoopAffine,
  packing: Packing,
  lowering: Lowering,
  into: Statement[],
): LoopExpression[] {
  const { bits, odd } = packing;
  const period = periodOf(packing);
  const words = Array.from({ length: wordsOfPeriod(packing) }, (_, i) => {
    const word = lowering.register("word", i16x8);
    const at = l.shiftLoopAffine(index, i * packedLanes);
    into.push(l.set(word, l.load(i16x8, { buffer, index: at })));
    return l.read(word);
  });
  const by = (amount: number): LoopExpression => l.i32(amount);
  return Array.from({ length: period }, (_, i) => {
    const word = Math.floor((i * bits) / 16);
    const shift = (i * bits) % 16;
    const here = 16 - shift;
    const code =
      here >= bits
        ? l.shr(l.shl(words[word]!, by(here - bits)), by(16 - bits))
        : l.binary(
            "or",
            l.shr(l.shl(words[word + 1]!, by(16 - bits + here)), by(16 - bits)),
            l.shru(words[word]!, by(shift)),
          );
    return odd ? l.add(l.shl(code, by(1)), l.constant(i16x8, 1)) : code;
  });
}

/** Unpacks `vectors` vectors, whole periods, from `source` on into scratch of their own. */
export function unpackInto(
  scratch: Buffer,
  source: Buffer,
  from: LoopAffine,
  vectors: number,
  packing: Packing,
  lowering: Lowering,
): Statement[] {
  const period = periodOf(packing);
  const periods = vectors / period;
  const at = lowering.register("u", i32Type);
  const along = (factor: number): LoopAffine =>
    l.loopAffine(0, periods > 1 ? [{ register: at, factor }] : []);
  const body: Statement[] = [];
  const words = l.addLoopAffine(from, along(wordsOfPeriod(packing) * packedLanes));
  unpackPeriod(source, words, packing, lowering, body).forEach((value, i) => {
    const index = l.shiftLoopAffine(along(period * packedLanes), i * packedLanes);
    body.push(l.store({ buffer: scratch, index }, value));
  });
  return periods > 1 ? [l.loop(at, 0, periods, 1, body)] : body;
}

/** Makes lanes zero: of odd weights no code is. `kept` says which lanes stay; equal masks are one constant. */
export function laneMasks(
  lowering: Lowering,
): (value: LoopExpression, kept: readonly boolean[]) => LoopExpression {
  const masks = new Map<string, Buffer>();
  return (value, kept) => {
    if (kept.every(Boolean)) return value;
    const bits = kept.map((keep) => (keep ? -1 : 0));
    const key = bits.join();
    const mask = masks.get(key) ?? lowering.constant("mask", "i16", Int16Array.from(bits));
    masks.set(key, mask);
    return l.binary("and", value, l.load(i16x8, { buffer: mask, index: l.loopAffine(0) }));
  };
}
