/**
 * Which calibration samples are held out: every fifth, so that ranges and corrections are judged on samples they were not made
 * from. Evaluation data plays no part. With fewer than five samples each is used for both.
 */
import type { SampleSource } from "../pass/samples.ts";
import type { Tensor } from "../tensor/tensor.ts";

export const holdOutStep = 5;

export const isHeldOut = (index: number): boolean => index % holdOutStep === holdOutStep - 1;

const splits = ({ count }: SampleSource): boolean => count >= holdOutStep;

export function* heldOutSamples(samples: SampleSource): Iterable<readonly Tensor[]> {
  let index = 0;
  for (const sample of samples.batches()) if (isHeldOut(index++) || !splits(samples)) yield sample;
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
