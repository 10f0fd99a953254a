/** Hostile files by seed, and what every refusal has to say. */
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { createRandom } from "../../src/pass/random.ts";
import type { Hostile } from "./drawing.ts";
import { hostileOnnx } from "./onnx.ts";
import { hostileTflite } from "./tflite.ts";

export const hostileKinds: Readonly<Record<string, Hostile>> = {
  "hostile.onnx": hostileOnnx,
  "hostile.tflite": hostileTflite,
};

export interface HostileFile {
  readonly bytes: Uint8Array;
  /** What is wrong with it. */
  readonly kind: string;
}

/** The file of a seed: kinds in turn. */
export function hostileFile(kinds: Hostile, seed: number): HostileFile {
  const names = Object.keys(kinds);
  const kind = names[seed % names.length]!;
  return { kind, bytes: kinds[kind]!(createRandom(seed)) };
}

/** What errors lack of a code, a place and something to do. */
export const lacksOf = (problems: readonly Diagnostic[]): string[] =>
  problems.flatMap(({ code, severity, subject, span, help }) =>
    severity !== "error"
      ? []
      : [
          ...(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code) ? [] : [`'${code}' is no code`]),
          ...(subject === undefined && span === undefined ? [`${code} has no place`] : []),
          ...(help === undefined ? [`${code} has no help`] : []),
        ],
  );
