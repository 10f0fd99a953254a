/**
 * What the compiler says when the fault is the user's: in a model, a text, a sample file or an option.
 *
 * A diagnostic is plain data, so that it can be collected, sorted, sent as JSON or drawn with carets (render.ts).
 * The compiler's own faults are never diagnostics: they throw `Error("internal: …")`.
 */

/** A piece of a text. Lines and columns count from 1, in UTF-16 units; the end column is one past the last unit. */
export interface SourceSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine?: number;
  readonly endColumn?: number;
}

/** A fact that explains a diagnostic. With a span, the renderer appends ` at file:line:column` to the message. */
export interface DiagnosticNote {
  readonly message: string;
  readonly span?: SourceSpan;
}

export interface Diagnostic {
  /** Kebab case, stable: what `docs/errors.md` lists. */
  readonly code: string;
  readonly severity: "error" | "warning" | "note";
  /** Lower case, no full stop, operators quoted, the actual before the expected. */
  readonly message: string;
  readonly span?: SourceSpan;
  /** Where, when there is no text to point into: `node "Conv_3" (Conv) of graph "main"`. */
  readonly subject?: string;
  readonly notes: readonly DiagnosticNote[];
  /** What the user can do about it, as an imperative. */
  readonly help?: string;
}

/** The parts of a diagnostic that may be left out. */
export type DiagnosticDetails = Partial<Omit<Diagnostic, "code" | "message" | "severity">>;

export function diagnostic(
  severity: Diagnostic["severity"],
  code: string,
  message: string,
  details: DiagnosticDetails = {},
): Diagnostic {
  return { notes: [], ...details, code, severity, message };
}

/** Carries one or more diagnostics up to the driver. Its message is their one-line forms, for logs and tests. */
export class DiagnosticError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    if (diagnostics.length === 0) throw new Error("internal: a DiagnosticError without diagnostics");
    super(diagnostics.map((d) => `${d.severity}[${d.code}]: ${d.message}`).join("\n"));
    this.name = "DiagnosticError";
    this.diagnostics = diagnostics;
  }
}

/** Throws a DiagnosticError that holds one error. */
export function fail(code: string, message: string, details: DiagnosticDetails = {}): never {
  throw new DiagnosticError([diagnostic("error", code, message, details)]);
}
