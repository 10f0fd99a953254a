/**
 * Tests one case of a text test (filetest.ts). Whatever runs passes or networks is given by the caller, so that this works
 * for any list of passes and any engine.
 *
 * A case is judged by everything it shows: errors must be exactly the expected ones; the printed result must be the
 * expected text, and read back as itself; executed lines must hold on every engine, for the graph before the pipeline and
 * after it, because a pass keeps the meaning. A pass that changes values (quantization) has its executed cases apart.
 */
import { DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { renderDiagnostic } from "../diagnostics/render.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { OpDefinition } from "../ir/operation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { formatElements, tensorOfElements } from "./elements.ts";
import type { Expectation, FileTestCase } from "./filetest.ts";
import { parseGraphs } from "./parse.ts";
import { parsePipeline, type PipelineStep } from "./pipeline.ts";
import { formatGraphName, printGraphs } from "./print.ts";
import { makeSource } from "./source.ts";
import { parseRunSyntax, syntaxError, type ElementsSyntax } from "./syntax.ts";

/** What makes a graph run: an `ExecutorFactory`. */
export type Engine = (graph: Graph) => Promise<{
  run(inputs: readonly Tensor[]): readonly Tensor[];
  dispose(): void;
}>;

export interface FileTestTools {
  /** The operators known, all of src/ops unless given. */
  readonly operators?: readonly OpDefinition[];
  /** Runs a pipeline on a graph, which changes. Throws DiagnosticError. */
  transform(graph: Graph, steps: readonly PipelineStep[]): void | Promise<void>;
  /** Engines by name, each of which must agree. */
  readonly engines: Readonly<Record<string, Engine>>;
}

export interface FileTestResult {
  /** What is wrong whatever the `becomes` block says; empty when nothing is. */
  readonly problems: readonly string[];
  /** What the `becomes` block has to say, when it says something else or is missing. */
  readonly stale: string | undefined;
}

export async function runFileTestCase(testCase: FileTestCase, tools: FileTestTools): Promise<FileTestResult> {
  const problems: string[] = [];
  const diagnostics: Diagnostic[] = [];
  const result = await collectDiagnostics(diagnostics, () => evaluate(testCase, tools, problems));
  problems.push(...compareErrors(testCase, diagnostics));
  if (testCase.errors.length > 0 && testCase.becomes !== undefined)
    problems.push("a case that expects errors becomes nothing");
  if (result === undefined || testCase.errors.length > 0) return { problems, stale: undefined };
  const silent =
    testCase.becomes === undefined && testCase.pipeline === undefined && testCase.runs.length > 0;
  return { problems, stale: silent || testCase.becomes === result.trim() ? undefined : result };
}

/** What the case becomes: the printed result, or "unchanged". */
async function evaluate(testCase: FileTestCase, tools: FileTestTools, problems: string[]): Promise<string> {
  const { input, file, pipeline } = testCase;
  const known = tools.operators === undefined ? {} : { operators: tools.operators };
  const graphs = parseGraphs(input, { file, ...known });
  const before = printGraphs(graphs);
  await execute("as written", graphs, testCase, tools, problems);
  const steps =
    pipeline === undefined ? [] : parsePipeline("\n".repeat(pipeline.line - 1) + pipeline.text, file);
  for (const graph of graphs) await tools.transform(graph, steps);
  const after = printGraphs(graphs);
  if (printGraphs(parseGraphs(after, { file: "the printed result", ...known })) !== after)
    problems.push(`its result does not read back as itself:\n${after}`);
  if (steps.length > 0) await execute("after the pipeline", graphs, testCase, tools, problems);
  if (steps.length > 0) return after === before ? "unchanged" : after;
  return withoutBlankLines(input) === after.trim() ? "unchanged" : after;
}

const withoutBlankLines = (text: string): string => text.trim().replaceAll(/[ \t]*\/\/[^\n]*/g, "");

async function execute(
  when: string,
  graphs: readonly Graph[],
  { runs, file }: FileTestCase,
  { engines }: FileTestTools,
  problems: string[],
): Promise<void> {
  for (const run of runs) {
    const { graph, inputs, expected } = readRun(run, graphs, file);
    for (const [name, engine] of Object.entries(engines)) {
      const executor = await engine(graph);
      const outputs = executor.run(inputs).map(formatElements).join(", ");
      executor.dispose();
      const wanted = expected.map(formatElements).join(", ");
      if (outputs !== wanted)
        problems.push(
          `line ${run.line}: ${formatGraphName(graph.name)} ${when} gives ${outputs} in ${name}, expected ${wanted}`,
        );
    }
  }
}

/** The inputs and the expected outputs, in the types of the graph. */
function readRun(
  { text, line }: Expectation,
  graphs: readonly Graph[],
  file: string,
): { graph: Graph; inputs: Tensor[]; expected: Tensor[] } {
  const source = makeSource("\n".repeat(line - 1) + text, file);
  const syntax = parseRunSyntax(source);
  const graph = graphs.find(({ name }) => name === syntax.graph.text);
  if (graph === undefined)
    throw syntaxError(source, syntax.graph.at, `there is no graph @${syntax.graph.text}`);
  const tensors = (what: string, values: readonly Value[], elements: readonly ElementsSyntax[]): Tensor[] => {
    if (values.length !== elements.length)
      throw syntaxError(
        source,
        syntax.graph.at,
        `found ${elements.length} ${what}, expected ${values.length}`,
      );
    return values.map(({ type }, i) =>
      tensorOfElements(elements[i]!, type.element, type.shape, (message, at) => {
        throw syntaxError(source, at, message);
      }),
    );
  };
  const inputs = tensors("inputs", graph.inputs, syntax.inputs);
  return { graph, inputs, expected: tensors("outputs", graph.outputs, syntax.outputs) };
}

/** Every diagnostic must be expected on its line, and every expectation met; one without a line may be expected on any. */
function compareErrors({ errors }: FileTestCase, diagnostics: readonly Diagnostic[]): string[] {
  const open = [...errors];
  const problems: string[] = [];
  for (const found of diagnostics) {
    const message = `${found.severity}[${found.code}]: ${found.message}`;
    const at = open.findIndex(
      ({ text, line }) => message.includes(text) && (found.span === undefined || found.span.line === line),
    );
    if (at < 0) problems.push(`unexpected ${renderDiagnostic(found)}`);
    else open.splice(at, 1);
  }
  return [...problems, ...open.map(({ text, line }) => `line ${line}: there was no error '${text}'`)];
}

async function collectDiagnostics<T>(
  diagnostics: Diagnostic[],
  run: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    diagnostics.push(...error.diagnostics);
    return undefined;
  }
}
