/**
 * Which calibration samples are held out: every fifth, so that ranges and corrections are judged on samples they were not made
 * from. Evaluation data plays no part. With fewer than five samples each is used for both.
 *
 * What is cheap to make is made five times, each time without another fifth, which judges it: so all samples judge.
 */
import type { SampleSource } from "../pass/samples.ts";
import type { Tensor } from "../tensor/tensor.ts";

export const holdOutStep = 5;

/** The fifth that a sample belongs to. */
export const partOf = (index: number): number => index % holdOutStep;

/** The part that is held out where only one is. */
export const heldOutPart = holdOutStep - 1;

const isHeldOut = (index: number): boolean => partOf(index) === heldOutPart;

const splits = ({ count }: SampleSource): boolean => count >= holdOutStep;

export function* heldOutSamples(samples: SampleSource): Iterable<readonly Tensor[]> {
  let index = 0;
  for (const sample of samples.batches()) if (isHeldOut(index++) || !splits(samples)) yield sample;
}

export interface Fold {
  /** Left out of what is judged; undefined where all samples serve both ends. */
  readonly part: number | undefined;
  readonly heldOut: Iterable<readonly Tensor[]>;
}

/** Each part held out in turn. */
export const foldsOf = (samples: SampleSource): readonly Fold[] =>
  splits(samples)
    ? Array.from({ length: holdOutStep }, (_, part) => ({ part, heldOut: samplesOf(samples, part) }))
    : [{ part: undefined, heldOut: samples.batches() }];

function* samplesOf(samples: SampleSource, part: number): Iterable<readonly Tensor[]> {
  let index = 0;
  for (const sample of samples.batches()) if (partOf(index++) === part) yield sample;
}

/** At most `limit` of the others, evenly spaced. */
export function fittedSamples(samples: SampleSource, limit: number): (readonly Tensor[])[] {
  const count = splits(samples) ? samples.count - Math.floor(samples.count / holdOutStep) : samples.count;
  const wanted = Math.min(limit, count);
  const chosen: (readonly Tensor[])[] = [];
  let [index, place] = [0, 0];
  for (const sample of samples.batches()) {
    if (isHeldOut(index++) && splits(samples)) continue;
    if (Math.floor((place * wanted) / count) < Math.floor(((place + 1) * wanted) / count))
      chosen.push(sample);
    place++;
  }
  return chosen;
}
