/** Lines of C: indentation, comments that cannot end early, and breaks in long statements. */

export const lineWidth = 110;

export const indented = (lines: readonly string[]): string[] =>
  lines.map((line) => (line === "" || line.startsWith("#") ? line : `    ${line}`));

const harmless = (text: string): string => text.replaceAll("*/", "* /").replaceAll("/*", "/ *");

/** The text broken at blanks; its own line ends stay. */
export function filled(text: string, width: number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    let line = "";
    for (const word of paragraph.trimEnd().split(/(?<=\S) /)) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === "" ? word : `${line} ${word}`;
      }
    }
    return [...lines, line];
  });
}

/** Text as a comment of one line, or as a block when it needs several. */
export function comment(text: string, opening = "/*"): string[] {
  const lines = filled(harmless(text), lineWidth - 8);
  if (lines.length === 1 && opening === "/*") return [`/* ${lines[0]!} */`];
  return [opening, ...lines.map((line) => ` * ${line}`.trimEnd()), " */"];
}

/**
 * A long statement over several lines. A break falls where the fewest brackets are open, as late as it fits: before an
 * operator or after a comma.
 */
export function wrapped(statement: string, width = lineWidth - 12): string[] {
  if (statement.length <= width) return [statement];
  const at = bestBreak(statement, width);
  if (at === undefined) return [statement];
  const rest = wrapped(statement.slice(at + 1), width - 4);
  return [statement.slice(0, at), ...rest.map((line, index) => (index === 0 ? `    ${line}` : line))];
}

function bestBreak(statement: string, width: number): number | undefined {
  let depth = 0;
  let best: { at: number; depth: number } | undefined;
  for (let at = 0; at < Math.min(statement.length, width); at++) {
    const character = statement[at]!;
    if ("([".includes(character)) depth++;
    if (")]".includes(character)) depth--;
    if (character !== " " || at < width / 3) continue;
    const isOperator = /^ ([-+*/?:|&^<>]|<<|>>|[=!<>]=) /.test(statement.slice(at, at + 4));
    if (!isOperator && !",=".includes(statement[at - 1]!)) continue;
    if (best === undefined || depth <= best.depth) best = { at, depth };
  }
  return best?.at;
}

/** Items, comma-separated, as many to a line as fit. */
export function table(items: readonly string[]): string[] {
  const lines: string[] = [];
  let line = "";
  for (const item of items) {
    if (line !== "" && line.length + item.length + 2 > lineWidth - 10) {
      lines.push(`${line},`);
      line = item;
    } else {
      line = line === "" ? item : `${line}, ${item}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}
