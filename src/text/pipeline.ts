/** Pipelines of passes as text: `fold-batch-norm, calibrate{method=mse, samples=100}, prune{groups=[1, 2]}`. */
/* eslint @typescript-eslint/no-unused-vars: ["error", { "args": "none" }] -- ohm checks the arity of its actions */
import type { Node } from "ohm-js";
import type { SourceSpan } from "../diagnostics/diagnostic.ts";
import { formatNumber } from "../numerics/shortest.ts";
import { makeSource, spanOf, type Source } from "./source.ts";
import { lexicalActions, matchText, pipelineGrammar, syntaxError, treeOf } from "./syntax.ts";

export type OptionValue = number | string | boolean | readonly number[];

/** One pass with its options; what they mean is the pass's business. */
export interface PipelineStep {
  readonly pass: string;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Where it was written. */
  readonly span?: SourceSpan;
}

interface StepSyntax {
  readonly pass: string;
  readonly options: readonly { readonly name: string; readonly value: OptionValue; readonly node: Node }[];
  readonly node: Node;
}

const tree = treeOf("tree");
const listOf = (node: Node): unknown[] => node.asIteration().children.map(tree);
const semantics = pipelineGrammar.createSemantics().addOperation<unknown>("tree", {
  ...lexicalActions(listOf),
  Steps: (steps) => listOf(steps),
  Step(pass, options) {
    const given = options.children[0];
    return { pass: pass.sourceString, options: given === undefined ? [] : tree(given), node: this };
  },
  Options: (_open, options, _close) => listOf(options),
  Option(name, _equals, value) {
    return { name: name.sourceString, value: tree(value), node: this };
  },
  hyphenated(_word, _hyphens, _words) {
    return this.sourceString;
  },
});

/** The steps of a pipeline; an empty text has none. Throws DiagnosticError `syntax`. */
export function parsePipeline(text: string, file = "pipeline"): PipelineStep[] {
  const source = makeSource(text, file);
  const steps = tree(semantics(matchText(source, "Pipeline", "Steps")) as Node) as StepSyntax[];
  return steps.map((step) => ({
    pass: step.pass,
    options: optionsOf(source, step),
    span: spanOf(source, rangeOf(step.node)),
  }));
}

/** The text that `parsePipeline` reads back as the same steps. */
export function printPipeline(steps: readonly PipelineStep[]): string {
  return steps
    .map(({ pass, options }) => {
      const written = Object.entries(options).map(([name, value]) => `${name}=${optionText(value)}`);
      return written.length === 0 ? pass : `${pass}{${written.join(", ")}}`;
    })
    .join(", ");
}

/**
 * The pipeline with options of one pass set, wherever it stands in it, in the place of what its text may say.
 *
 * @returns undefined when the pipeline has no such pass
 */
export function withPassOptions(
  steps: readonly PipelineStep[],
  pass: string,
  options: PipelineStep["options"],
): PipelineStep[] | undefined {
  if (!steps.some((step) => step.pass === pass)) return undefined;
  return steps.map((step) =>
    step.pass === pass ? { ...step, options: { ...step.options, ...options } } : step,
  );
}

const rangeOf = ({ source }: Node): { start: number; end: number } => ({
  start: source.startIdx,
  end: source.endIdx,
});

function optionsOf(source: Source, { pass, options }: StepSyntax): Record<string, OptionValue> {
  const known = new Map<string, OptionValue>();
  for (const { name, value, node } of options) {
    if (known.has(name))
      throw syntaxError(source, rangeOf(node), `option '${name}' of pass '${pass}' is given twice`);
    known.set(name, value);
  }
  return Object.fromEntries(known);
}

function optionText(value: OptionValue): string {
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return isBareWord(value) ? value : JSON.stringify(value);
  return `[${value.map((x) => formatNumber(x)).join(", ")}]`;
}

/** Words that read back as strings without quotes: not the names of numbers and truth values. */
const isBareWord = (text: string): boolean =>
  /^[A-Za-z_]\w*(-\w+)*$/.test(text) && !/^(true|false|inf|nan)\b/.test(text);
