/** The normal distribution, and what is left of it between bounds: what batch normalizations tell of activations behind them. */
import { erf } from "./error-function.ts";
import { exp } from "./exponential.ts";

export interface MeanAndDeviation {
  readonly mean: number;
  readonly deviation: number;
}

/** φ, of mean 0 and deviation 1. */
export const normalDensity = (x: number): number => exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

/** Φ: the share below x. */
export const normalShareBelow = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));

/**
 * Mean and deviation of y = min(max(x, low), high), x normal. With l and h the bounds as seen from the mean μ, a = l / σ, b = h / σ,
 *
 *     E[y - μ]     = l Φ(a) + h Φ(-b) + σ (φ(a) - φ(b))
 *     E[(y - μ)²]  = l² Φ(a) + h² Φ(-b) + σ² (Φ(b) - Φ(a)) + σ (l φ(a) - h φ(b))
 *
 * which for low = 0, high = ∞ is the μ Φ(μ/σ) + σ φ(μ/σ) of Nagel et al., "Data-Free Quantization", section 4.2.1. Seen from the mean, what is
 * subtracted is never much larger than what is left.
 */
export function clampedNormal(
  { mean, deviation }: MeanAndDeviation,
  low: number,
  high: number,
): MeanAndDeviation {
  if (deviation === 0) return { mean: Math.min(Math.max(mean, low), high), deviation: 0 };
  const [l, h] = [low - mean, high - mean];
  const [first, second] = [
    { bound: l, at: l / deviation, share: normalShareBelow(l / deviation) },
    { bound: h, at: h / deviation, share: normalShareBelow(-h / deviation) },
  ];
  let [shift, square] = [0, deviation * deviation * (1 - first.share - second.share)];
  for (const [{ bound, at, share }, sign] of [
    [first, 1],
    [second, -1],
  ] as const) {
    // An infinite bound cuts nothing.
    if (!Number.isFinite(bound)) continue;
    const edge = sign * deviation * normalDensity(at);
    shift += bound * share + edge;
    square += bound * bound * share + bound * edge;
  }
  return {
    mean: Math.min(Math.max(mean + shift, low), high),
    deviation: Math.sqrt(Math.max(0, square - shift * shift)),
  };
}
