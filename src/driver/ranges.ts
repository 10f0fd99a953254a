/** A file of ranges: JSON, `{"name of a value": [lowest, highest], …}`. */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Range } from "../ir/graph.ts";

/** @throws DiagnosticError `ranges-file` naming every entry that is no range */
export function parseRanges(text: string, file: string): ReadonlyMap<string, Range> {
  const subject = `file "${file}"`;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    return fail("ranges-file", `this is no JSON: ${(error as Error).message}`, { subject });
  }
  if (typeof found !== "object" || found === null || Array.isArray(found))
    return fail("ranges-file", "expected an object of ranges, [lowest, highest] by name of the value", {
      subject,
    });
  const problems: Diagnostic[] = [];
  const ranges = new Map<string, Range>();
  for (const [name, entry] of Object.entries(found)) {
    const range = rangeOf(entry);
    if (range === undefined)
      problems.push(
        diagnostic(
          "error",
          "ranges-file",
          `'${name}' is ${JSON.stringify(entry)}, expected [lowest, highest], two finite numbers, the second the larger`,
          { subject },
        ),
      );
    else ranges.set(name, range);
  }
  if (problems.length > 0) throw new DiagnosticError(problems);
  return ranges;
}

function rangeOf(entry: unknown): Range | undefined {
  if (!Array.isArray(entry) || entry.length !== 2) return undefined;
  const [min, max] = entry as unknown[];
  if (typeof min !== "number" || typeof max !== "number") return undefined;
  return Number.isFinite(min) && Number.isFinite(max) && min < max ? { min, max } : undefined;
}
