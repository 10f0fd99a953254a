/** A text with a name, and the way from offsets in it to the lines and columns of diagnostics. */
import type { SourceSpan } from "../diagnostics/diagnostic.ts";

/** A half-open piece of a text, in UTF-16 units. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

export interface Source {
  readonly file: string;
  readonly text: string;
  /** Offset of each line's first unit. */
  readonly lineStarts: readonly number[];
}

export function makeSource(text: string, file: string): Source {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return { file, text, lineStarts };
}

export function spanOf(source: Source, { start, end }: TextRange): SourceSpan {
  const from = position(source, start);
  const to = position(source, end);
  return { file: source.file, ...from, endLine: to.line, endColumn: to.column };
}

function position({ lineStarts }: Source, offset: number): { line: number; column: number } {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (lineStarts[middle]! <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - lineStarts[low]! + 1 };
}
