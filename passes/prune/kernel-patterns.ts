/**
 * Patterns: each kernel of a convolution keeps n of its taps, and all kernels of one window share a small dictionary of which (Niu et
 * al., "PatDNN", section 4). A kernel's natural pattern are its n highest scores; the most frequent ones over all layers make
 * the dictionary, the smaller pattern first among equals; each kernel then takes the one that keeps most of its score. Unlike there, the
 * middle tap has no seat of its own.
 */

/** Taps of a pattern, ascending. */
export type Pattern = readonly number[];

/** Scores of the taps of each kernel. */
export type Kernels = readonly (readonly number[])[];

export function patternDictionary(kernels: Kernels, n: number, size: number): readonly Pattern[] {
  const found = new Map<string, { readonly pattern: Pattern; frequency: number }>();
  for (const scores of kernels) {
    const pattern = [...scores.keys()]
      .sort((a, b) => scores[b]! - scores[a]! || a - b)
      .slice(0, n)
      .sort((a, b) => a - b);
    const entry = found.get(pattern.join()) ?? { pattern, frequency: 0 };
    found.set(pattern.join(), entry);
    entry.frequency++;
  }
  return [...found.values()]
    .sort((a, b) => b.frequency - a.frequency || compare(a.pattern, b.pattern))
    .slice(0, size)
    .map(({ pattern }) => pattern);
}

/** The pattern that keeps most, the first of equal ones. */
export function bestPattern(scores: readonly number[], dictionary: readonly Pattern[]): Pattern {
  let [best, most] = [dictionary[0]!, -1];
  for (const pattern of dictionary) {
    const kept = pattern.reduce((sum, tap) => sum + scores[tap]!, 0);
    if (kept > most) [best, most] = [pattern, kept];
  }
  return best;
}

function compare(a: Pattern, b: Pattern): number {
  const at = a.findIndex((tap, i) => tap !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
