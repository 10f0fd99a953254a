/**
 * The format of text tests: graphs before and after, with what they must give in comments.
 *
 *     // run: fold-batch-norm, remove-dead-code      the pipeline: of the file, or of one case
 *     // case: a second user needs the value         opens a case; without one the file is a single case
 *     graph @f(…) { … }                              before
 *     // becomes:                                    after, as printed; `// becomes: unchanged` when it is the same
 *     graph @f(…) { … }
 *     // run: @f([1, 2]) == [3, 4]                   what the graph gives, before the pipeline and after
 *     %y = relu %q : …  // error: no value %q        a diagnostic of this line (or of the last line above, on a line alone)
 *
 * This file reads the format and writes the `becomes` blocks anew; run-filetest.ts tests a case.
 */
import { fail, type SourceSpan } from "../diagnostics/diagnostic.ts";
import { suggest } from "../diagnostics/suggest.ts";

/** A directive's text and the line it speaks of. */
export interface Expectation {
  readonly text: string;
  readonly line: number;
}

export interface FileTestCase {
  readonly file: string;
  readonly name: string;
  /** The line it begins at, from 1. */
  readonly line: number;
  readonly pipeline: Expectation | undefined;
  /** The graphs before, with blank lines in place of all else: lines are those of the file. */
  readonly input: string;
  /** The printed graphs after, "unchanged", or undefined where nothing is said. */
  readonly becomes: string | undefined;
  readonly errors: readonly Expectation[];
  readonly runs: readonly Expectation[];
  /** Lines [from, to) that hold the `becomes` block, from 0; empty where one would be inserted. */
  readonly becomesLines: readonly [from: number, to: number];
}

const directives = ["run", "case", "becomes", "error"] as const;
type Directive = (typeof directives)[number];

/** All cases of a text, in order. Throws DiagnosticError `filetest` on a directive that would be misread. */
export function parseFileTest(text: string, file: string): FileTestCase[] {
  const lines = text.split("\n");
  const found = lines.map((line, i) => directiveOf(line, file, i + 1));
  const starts = found.flatMap((directive, i) => (directive?.kind === "case" ? [i] : []));
  const header = starts[0] ?? lines.length;
  const filePipeline = found
    .slice(0, header)
    .flatMap((directive, i) =>
      directive && isPipeline(directive) ? [{ text: directive.text, line: i + 1 }] : [],
    )[0];
  if (starts.length === 0)
    return [parseCase(lines, found, [0, lines.length], "the whole file", filePipeline, file)];
  return starts.map((start, i) => {
    const name = found[start]!.text;
    if (name === "") failAt("a case has no name", file, start + 1);
    return parseCase(lines, found, [start, starts[i + 1] ?? lines.length], name, filePipeline, file);
  });
}

/** The text with new `becomes` blocks: by case, what its graphs become, or "unchanged". */
export function blessFileTest(
  text: string,
  cases: readonly FileTestCase[],
  becomes: ReadonlyMap<FileTestCase, string>,
): string {
  const lines = text.split("\n");
  for (const testCase of cases.toReversed()) {
    const result = becomes.get(testCase);
    if (result === undefined) continue;
    const [from, to] = testCase.becomesLines;
    const block =
      result === "unchanged" ? ["// becomes: unchanged"] : ["// becomes:", ...result.trimEnd().split("\n")];
    lines.splice(from, to - from, ...block);
  }
  return lines.join("\n");
}

interface FoundDirective {
  readonly kind: Directive;
  readonly text: string;
  /** Nothing else stands on the line. */
  readonly alone: boolean;
}

const isPipeline = ({ kind, text }: FoundDirective): boolean => kind === "run" && !text.startsWith("@");

/** Any other comment is a comment, unless it looks like a misspelt directive: that would be a test that cannot fail. */
function directiveOf(line: string, file: string, number: number): FoundDirective | undefined {
  const [, before, word, text] = /^(.*?)\/\/ ?([a-z]+):(.*)$/.exec(line) ?? [];
  if (word === undefined) return undefined;
  const kind = directives.find((directive) => directive === word);
  const alone = before!.trim() === "";
  if (kind === undefined) {
    const meant = suggest(word, directives);
    if (meant !== undefined)
      failAt(`there is no directive '${word}'`, file, number, `did you mean '${meant}'?`);
    return undefined;
  }
  if (!alone && kind !== "error")
    failAt(`'${kind}' stands behind other text, expected a line of its own`, file, number);
  return { kind, text: text!.trim(), alone };
}

function parseCase(
  lines: readonly string[],
  found: readonly (FoundDirective | undefined)[],
  [start, end]: readonly [number, number],
  name: string,
  filePipeline: Expectation | undefined,
  file: string,
): FileTestCase {
  const input: string[] = Array.from({ length: start }, () => "");
  const errors: Expectation[] = [];
  const runs: Expectation[] = [];
  let pipeline = filePipeline;
  let becomes: string[] | undefined;
  let becomesLines: [number, number] | undefined;
  let inBecomes = false;
  let lastLine = start + 1;
  for (let i = start; i < end; i++) {
    const directive = found[i];
    input.push(becomes === undefined && directive?.alone !== true ? lines[i]! : "");
    if (directive?.alone === true) inBecomes = false;
    if (directive?.kind === "becomes") {
      if (becomes !== undefined) failAt("a case has two 'becomes'", file, i + 1);
      becomes = directive.text === "" ? [] : [directive.text];
      if (directive.text !== "" && directive.text !== "unchanged")
        failAt(`'becomes' is followed by '${directive.text}', expected 'unchanged' or nothing`, file, i + 1);
      becomesLines = [i, i + 1];
      inBecomes = directive.text === "";
    } else if (inBecomes) {
      becomes!.push(lines[i]!);
      if (lines[i]!.trim() !== "") becomesLines![1] = i + 1;
    } else {
      if (directive?.alone !== true && lines[i]!.trim() !== "") lastLine = i + 1;
      if (directive?.kind === "error") errors.push({ text: directive.text, line: lastLine });
      if (directive?.kind !== "run") continue;
      if (isPipeline(directive)) pipeline = { text: directive.text, line: i + 1 };
      else runs.push({ text: directive.text, line: i + 1 });
    }
  }
  const afterLast = input.findLastIndex((line) => line.trim() !== "") + 1;
  return {
    file,
    name,
    line: start + 1,
    pipeline,
    input: input.join("\n"),
    becomes: becomes?.join("\n").trim(),
    errors,
    runs,
    becomesLines: becomesLines ?? [afterLast, afterLast],
  };
}

const failAt = (message: string, file: string, line: number, help?: string): never => {
  const span: SourceSpan = { file, line, column: 1 };
  return fail("filetest", message, { span, ...(help === undefined ? {} : { help }) });
};
