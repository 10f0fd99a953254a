/**
 * Runs pipelines. Options are checked before anything runs; the graph is verified before the first and after every pass, so that
 * the pass that broke it is the one that is named (design.md, invariant 6).
 *
 * A DiagnosticError is the user's fault and goes through as it is. Anything else a pass throws, and a graph it leaves
 * broken, is the compiler's fault: `internal: pass 'x' …` with the text of the graph.
 */
import { diagnostic, DiagnosticError, type Diagnostic, type SourceSpan } from "../diagnostics/diagnostic.ts";
import { attributeMismatch, type Attributes, type AttributeValue } from "../ir/attributes.ts";
import type { Graph } from "../ir/graph.ts";
import { verify } from "../ir/verify.ts";
import type { Finding, Pass, PassContext } from "./pass.ts";
import { suggest } from "../diagnostics/suggest.ts";

/** One step of a pipeline, as `parsePipeline` reads it: `calibrate{method=minmax}`. */
export interface PipelineStep {
  readonly pass: string;
  readonly options: Attributes;
  readonly span?: SourceSpan;
}

export interface PassRecord {
  readonly pass: string;
  readonly options: Attributes;
  readonly statistics: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

export interface PipelineOptions {
  /** Verify between passes; true unless given. */
  readonly verify?: boolean;
  /** Called with the pass's name after each pass. */
  readonly printAfter?: (pass: string, graph: Graph) => void;
  /** Times are kept out of the records, which must not differ from run to run; the caller brings the clock. */
  readonly onTiming?: (pass: string, timeMs: number) => void;
  readonly now?: () => number;
  /** How far a pass that takes long has come. */
  readonly onProgress?: (pass: string, done: number, total: number) => void;
  /** Prints the graph for internal errors: the printer of `src/text`. */
  readonly print?: (graph: Graph) => string;
}

/**
 * Names of passes and values of options, completed with defaults. Throws DiagnosticError with every problem found.
 *
 * @param others what a name could have meant besides a pass
 */
export function resolvePipeline(
  steps: readonly PipelineStep[],
  passes: readonly Pass[],
  others: readonly string[] = [],
): { readonly pass: Pass; readonly options: Attributes }[] {
  const problems: Diagnostic[] = [];
  const resolved = steps.flatMap((step) => {
    const pass = passes.find((candidate) => candidate.name === step.pass);
    if (pass !== undefined) return [{ pass, options: completeOptions(pass, step, problems) }];
    const names = [...others, ...passes.map((candidate) => candidate.name)];
    const what = others.length === 0 ? "pass" : "pass or pipeline";
    problems.push(
      problem(step, "unknown-pass", `there is no ${what} '${step.pass}'`, suggestion(step.pass, names)),
    );
    return [];
  });
  if (problems.length > 0) throw new DiagnosticError(problems);
  return resolved;
}

/** Runs the steps in order. Throws DiagnosticError, or `internal: pass 'x' …`. */
export async function runPipeline(
  graph: Graph,
  steps: readonly PipelineStep[],
  passes: readonly Pass[],
  context: PassContext,
  options: PipelineOptions = {},
): Promise<PassRecord[]> {
  const resolved = resolvePipeline(steps, passes);
  const checked = options.verify ?? true;
  if (checked) {
    const broken = verify(graph);
    if (broken.length > 0) throw new DiagnosticError(broken);
  }
  const records: PassRecord[] = [];
  for (const step of resolved) {
    const begin = options.now?.() ?? 0;
    records.push(await runStep(graph, step.pass, step.options, context, options));
    if (options.now !== undefined) options.onTiming?.(step.pass.name, options.now() - begin);
    if (checked) {
      const broken = verify(graph);
      if (broken.length > 0)
        throw internalError(
          step.pass,
          `broke the graph: ${new DiagnosticError(broken).message}`,
          graph,
          options,
        );
    }
    options.printAfter?.(step.pass.name, graph);
  }
  return records;
}

async function runStep(
  graph: Graph,
  pass: Pass,
  stepOptions: Attributes,
  context: PassContext,
  options: PipelineOptions,
): Promise<PassRecord> {
  const statistics: Record<string, number> = {};
  const findings: Finding[] = [];
  const { onProgress } = options;
  try {
    await pass.run(graph, {
      options: stepOptions,
      context:
        onProgress === undefined
          ? context
          : {
              ...context,
              progress: (done, total) => {
                onProgress(pass.name, done, total);
              },
            },
      count(statistic, by = 1) {
        statistics[statistic] = (statistics[statistic] ?? 0) + by;
      },
      find: (finding) => findings.push(finding),
    });
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    throw internalError(pass, error instanceof Error ? error.message : String(error), graph, options, error);
  }
  return { pass: pass.name, options: stepOptions, statistics, findings };
}

function internalError(
  pass: Pass,
  what: string,
  graph: Graph,
  { print }: PipelineOptions,
  cause?: unknown,
): Error {
  const text = print === undefined ? `graph @${graph.name}` : printed(graph, print);
  return new Error(`internal: pass '${pass.name}' ${what}\n${text}`, { cause });
}

/** A broken graph may not print either. */
function printed(graph: Graph, print: (graph: Graph) => string): string {
  try {
    return print(graph);
  } catch {
    return `graph @${graph.name} (cannot be printed)`;
  }
}

function completeOptions(pass: Pass, step: PipelineStep, problems: Diagnostic[]): Attributes {
  const known = Object.keys(pass.options);
  for (const name of Object.keys(step.options))
    if (!known.includes(name))
      problems.push(
        problem(
          step,
          "unknown-option",
          `pass '${pass.name}' has no option '${name}'`,
          suggestion(name, known),
        ),
      );
  const completed: Record<string, AttributeValue> = {};
  for (const [name, spec] of Object.entries(pass.options)) {
    const value = step.options[name] ?? spec.default;
    if (value === undefined) {
      problems.push(problem(step, "missing-option", `pass '${pass.name}' needs the option '${name}'`));
      continue;
    }
    const mismatch = attributeMismatch(spec, value);
    if (mismatch !== undefined)
      problems.push(problem(step, "option", `option '${name}' of pass '${pass.name}' ${mismatch}`));
    completed[name] = value;
  }
  return completed;
}

const problem = (step: PipelineStep, code: string, message: string, help?: string): Diagnostic =>
  diagnostic("error", code, message, {
    ...(step.span === undefined ? {} : { span: step.span }),
    ...(help === undefined ? {} : { help }),
  });

function suggestion(word: string, known: readonly string[]): string {
  const close = suggest(word, known);
  if (close !== undefined) return `did you mean '${close}'?`;
  return known.length === 0 ? "it has none" : `use one of ${known.join(", ")}`;
}
