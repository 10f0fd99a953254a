/** Numbers that judge a network: accuracy with its uncertainty, and noise against a reference. */
import { exp, log } from "../numerics/elementary.ts";
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

/**
 * McNemar's exact test, two-sided: how likely two methods differ on the same samples as much as they do, or more, if neither is better.
 * Samples that both get right, or wrong, say nothing; of the others each is a throw of a coin.
 */
export function mcnemar(hits: readonly boolean[], others: readonly boolean[]): number {
  const [only, onlyOther] = [hits, others].map((each, side) => {
    const against = side === 0 ? others : hits;
    return each.filter((hit, n) => hit && !against[n]!).length;
  });
  const throws = only! + onlyOther!;
  // Terms C(n, k) / 2^n, one from the other in logarithms: 2^-n leaves doubles where n is large.
  let [term, sum] = [-throws * log(2), 0];
  for (let k = 0; k <= Math.min(only!, onlyOther!); k++) {
    sum += exp(term);
    term += log((throws - k) / (k + 1));
  }
  return Math.min(1, 2 * sum);
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
