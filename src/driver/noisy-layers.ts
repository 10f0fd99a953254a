/** One warning for a network whose stored layers are far from the real ones: figures that stand in the report, where nobody may look. */
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { elementBits } from "../tensor/element-type.ts";
import type { LayerRecord } from "./report.ts";

/** Below it a layer is suspect, in decibels of its stored result against the real network's. */
export const suspectDb = 20;

/**
 * Weights of four bits bring a few layers, or a whole stretch of a network by little, below 20 dB, and cost its answers next to nothing
 * (docs/quantization.md): of the networks there, at most an eighth of the layers is then below 15. With two bits, most are.
 */
const noisyDb = 15;

/** @returns nothing while more than half of the layers keep 15 dB */
export function noisyLayers(layers: readonly LayerRecord[]): Diagnostic | undefined {
  // A reshaped value is the same numbers again.
  const measured = layers.flatMap(({ name, operator, sqnrDb, isCut }) =>
    sqnrDb === undefined || isCut || operator === "reshape" ? [] : [{ name, db: sqnrDb ?? Infinity }],
  );
  const below = (limit: number): number => measured.filter(({ db }) => db < limit).length;
  if (measured.length === 0 || 2 * below(noisyDb) < measured.length) return undefined;
  const lowest = measured.reduce((a, b) => (b.db < a.db ? b : a));
  const isNarrow = layers.some(
    ({ weightElement }) => weightElement !== undefined && elementBits(weightElement) < 8,
  );
  const cure = isNarrow ? "more --bits, --weights group" : "--wide small, samples like the network's inputs";
  return diagnostic(
    "warning",
    "noisy-layers",
    `${below(suspectDb)} of ${measured.length} layers lie below ${suspectDb} dB, the lowest is %${lowest.name} with ${lowest.db.toFixed(1)} dB`,
    { help: `try ${cure} or --pipeline accurate; quern evaluate tells what it costs` },
  );
}
