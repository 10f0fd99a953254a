/** Numbers that judge a network: accuracy with its uncertainty, and noise against a reference. */
import { log } from "../numerics/elementary.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface Proportion {
  readonly hits: number;
  readonly total: number;
  readonly value: number;
  /** Wilson's score interval at 95 %: unlike the normal one it stays within [0, 1] and holds for small samples. */
  readonly interval: readonly [low: number, high: number];
}

export function proportion(hits: number, total: number): Proportion {
  if (total === 0) return { hits, total, value: NaN, interval: [0, 1] };
  const z = 1.959963984540054;
  const p = hits / total;
  const scale = 1 + (z * z) / total;
  const centre = (p + (z * z) / (2 * total)) / scale;
  const half = (z / scale) * Math.sqrt((p * (1 - p)) / total + (z * z) / (4 * total * total));
  // The ends are exact where rounding might leave them just inside.
  const low = hits === 0 ? 0 : centre - half;
  const high = hits === total ? 1 : centre + half;
  return { hits, total, value: p, interval: [low, high] };
}

/** The index of the largest element, the first of several. */
export function argmax({ data }: Tensor): number {
  let best = 0;
  for (let i = 1; i < data.length; i++) if (Number(data[i]) > Number(data[best])) best = i;
  return best;
}

/** Signal to quantization noise: `10 log10(Σ reference² / Σ (reference - found)²)`, in dB; Infinity without noise. */
export class NoiseMeter {
  #signal = 0;
  #noise = 0;

  add(reference: Tensor, found: Tensor): void {
    if (reference.data.length !== found.data.length)
      throw new Error("internal: two outputs of different sizes");
    for (let i = 0; i < reference.data.length; i++) {
      const expected = Number(reference.data[i]);
      const difference = expected - Number(found.data[i]);
      this.#signal += expected * expected;
      this.#noise += difference * difference;
    }
  }

  get decibels(): number {
    return (10 * log(this.#signal / this.#noise)) / log(10);
  }
}
