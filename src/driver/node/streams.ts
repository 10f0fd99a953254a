/** Where commands write: results to standard output, everything else to standard error. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { ModelSource } from "../model.ts";

/** Where a command writes. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Draws diagnostics on standard error. */
  readonly diagnose: (diagnostics: readonly Diagnostic[]) => void;
  /** Keeps a text, so that diagnostics can show its lines. */
  readonly remember: (model: ModelSource) => void;
}

/** Standard output and standard error, unless a test listens. */
export type Writers = Pick<Streams, "out" | "err">;
