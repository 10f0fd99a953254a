/**
 * Draws diagnostics as a person reads them in a terminal:
 *
 *     net.qir:14:3: error[requantize-ratio]: 'requantize' rescales channel 0 by 0.00249998
 *       %q = requantize %acc {
 *       ^~~~~~~~~~~~~~~~~~~~~~
 *       note: its types require 0.0001 / 0.04 = 0.0025
 *
 * The source line loses its own indentation and gets two spaces; of a long line only the part around the span is
 * shown. Control characters are escaped, because names come out of files that may be hostile to terminals.
 */
import type { Diagnostic, SourceSpan } from "./diagnostic.ts";

const longestExcerpt = 160;

/**
 * One diagnostic, without a newline at its end.
 *
 * @param sources texts by file name, from which the line under the caret is taken
 */
export function renderDiagnostic(d: Diagnostic, sources?: ReadonlyMap<string, string>): string {
  const { span } = d;
  const place = span === undefined ? "" : `${locationOf(span)}: `;
  const lines = [printable(`${place}${d.severity}[${d.code}]: ${d.message}`)];
  const source = span === undefined ? undefined : sources?.get(span.file);
  if (span !== undefined && source !== undefined) lines.push(...excerpt(span, source));
  if (d.subject !== undefined) lines.push(`  in ${printable(d.subject)}`);
  for (const note of d.notes) {
    const where = note.span === undefined ? "" : ` at ${locationOf(note.span)}`;
    lines.push(`  note: ${printable(note.message + where)}`);
  }
  if (d.help !== undefined) lines.push(`  help: ${printable(d.help)}`);
  return lines.join("\n");
}

/** Several diagnostics, one after the other, in the order given. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources?: ReadonlyMap<string, string>,
): string {
  return diagnostics.map((d) => renderDiagnostic(d, sources)).join("\n");
}

function locationOf(span: SourceSpan): string {
  return `${span.file}:${span.line}:${span.column}`;
}

/** The source line and its carets, or nothing when the line does not exist. */
function excerpt(span: SourceSpan, source: string): string[] {
  const line = source.split(/\r?\n/)[span.line - 1];
  if (line === undefined) return [];
  const text = line.trimEnd();
  const start = Math.min(span.column - 1, text.length);
  const sameLine = span.endLine === undefined || span.endLine === span.line;
  const spanEnd = sameLine ? (span.endColumn ?? span.column + 1) - 1 : text.length;
  const end = Math.max(start + 1, Math.min(spanEnd, text.length));

  const indent = Math.min(text.length - text.trimStart().length, start);
  const from = end - indent <= longestExcerpt ? indent : Math.max(indent, start - longestExcerpt / 4);
  const to = Math.min(text.length, from + longestExcerpt);
  const shown = `${from > indent ? "…" : ""}${aligned(text.slice(from, to))}${to < text.length ? "…" : ""}`;
  const offset = start - from + (from > indent ? 1 : 0);
  const width = Math.max(1, Math.min(end, from + longestExcerpt) - start);
  return [`  ${shown}`, `  ${" ".repeat(offset)}^${"~".repeat(width - 1)}`];
}

/** Every control character becomes one column wide, so that carets stay under what they mark. */
function aligned(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
