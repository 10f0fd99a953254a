/** Normally distributed numbers of mean 0 and deviation 1, the same on every run (Box and Muller 1958). */
import { createRandom } from "../../src/pass/random.ts";

export function normalNumbers(seed: number): () => number {
  const random = createRandom(seed);
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
    return radius * Math.cos(2 * Math.PI * random.uniform());
  };
}
