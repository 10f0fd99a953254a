/** Keeps what a batch normalization said of a value's channels true where a pass rescales or shifts them. */
import type { PassContext } from "../../src/pass/pass.ts";

/** @param shift of a mean; not of a deviation */
export function changeStatistics(
  { normalized }: PassContext,
  name: string,
  rescale: (x: number, channel: number) => number,
  shift: (channel: number) => number = () => 0,
): void {
  const found = normalized.get(name);
  if (found === undefined) return;
  normalized.set(name, {
    axis: found.axis,
    mean: found.mean.map((x, channel) => rescale(x, channel) + shift(channel)),
    deviation: found.deviation.map(rescale),
  });
}
