/**
 * From text to syntax trees: what was written and where, before anything is known about operators or types. One failure
 * of the grammar ends the parse (ohm does not recover); everything later (parse.ts) collects all it finds.
 */
/* eslint @typescript-eslint/no-unused-vars: ["error", { "args": "none" }] -- ohm checks the arity of its actions */
import { grammars, type ActionDict, type MatchResult, type Node } from "ohm-js";
import { diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import { grammarSource } from "./grammar.ts";
import { spanOf, type Source, type TextRange } from "./source.ts";

/** A name, number or other leaf: its text without sigil or quotes. */
export interface Leaf {
  readonly text: string;
  readonly at: TextRange;
}

export type NestedSyntax = Leaf | { readonly list: readonly NestedSyntax[]; readonly at: TextRange };

/** The elements of a tensor: one for all of them, or nested lists. */
export interface ElementsSyntax {
  readonly splat: boolean;
  readonly nested: NestedSyntax;
  readonly at: TextRange;
}

export interface QuantizationSyntax {
  readonly scale: readonly number[];
  readonly zero: readonly number[];
  /** One zero point was written for all slices. */
  readonly oneZero: boolean;
  readonly axis: number | undefined;
  readonly at: TextRange;
}

export interface TypeSyntax {
  readonly extents: readonly number[];
  readonly element: string;
  readonly quantization: QuantizationSyntax | Leaf | undefined;
  readonly at: TextRange;
}

export interface RangeSyntax {
  readonly min: number;
  readonly max: number;
  readonly at: TextRange;
}

export interface TensorSyntax {
  readonly kind: "dense" | "external";
  readonly elements?: ElementsSyntax;
  readonly type?: TypeSyntax | undefined;
  readonly key?: string;
  readonly at: TextRange;
}

export type AttributeValueSyntax = number | boolean | string | readonly number[] | TensorSyntax;

export interface AttributeSyntax {
  readonly name: Leaf;
  readonly value: AttributeValueSyntax;
}

export interface InputSyntax {
  readonly name: Leaf;
  readonly type: TypeSyntax;
  readonly range: RangeSyntax | undefined;
  readonly storedAs: "i16" | undefined;
  readonly at: TextRange;
}

export interface OperationSyntax extends InputSyntax {
  readonly operator: Leaf;
  readonly operands: readonly Leaf[];
  readonly attributes: readonly AttributeSyntax[];
  readonly origin: string | undefined;
}

export interface GraphSyntax {
  readonly kind: "graph";
  readonly name: Leaf;
  readonly inputs: readonly InputSyntax[];
  readonly operations: readonly OperationSyntax[];
  readonly outputs: readonly OutputSyntax[];
}

export interface OutputSyntax {
  readonly value: Leaf;
  /** The input it is carried to. */
  readonly input: Leaf | undefined;
}

export interface AliasSyntax {
  readonly kind: "alias";
  readonly name: Leaf;
  readonly quantization: QuantizationSyntax;
}

/** `@f([1, 2]) == [3, 4]` */
export interface RunSyntax {
  readonly graph: Leaf;
  readonly inputs: readonly ElementsSyntax[];
  readonly outputs: readonly ElementsSyntax[];
}

/** What is checked before ohm sees a text: it takes almost a kilobyte a character, and recurses into lists. */
export const textLimits = { length: 2 ** 21, depth: 64 };

const namespace = grammars(grammarSource);
export const pipelineGrammar = namespace["Pipeline"]!;

/** Checks a text against a grammar. Throws DiagnosticError `syntax`. */
export function matchText(
  source: Source,
  grammar: "Qir" | "Call" | "Pipeline",
  startRule: string,
): MatchResult {
  checkLimits(source);
  const result = namespace[grammar]!.match(source.text, startRule);
  if (result.failed()) {
    const start = result.getRightmostFailurePosition();
    const found = /^(?:[A-Za-z0-9_.-]+|.)/su.exec(source.text.slice(start, start + 100))?.[0];
    throw syntaxError(
      source,
      { start, end: start + (found?.length ?? 0) },
      `found ${found === undefined ? "the end of the text" : `'${found}'`}, expected ${expectedText(result.getExpectedText())}`,
    );
  }
  return result;
}

export function syntaxError(source: Source, at: TextRange, message: string): DiagnosticError {
  return new DiagnosticError([diagnostic("error", "syntax", message, { span: spanOf(source, at) })]);
}

/** ohm quotes terminals doubly; diagnostics quote singly. */
function expectedText(text: string): string {
  return text.replaceAll(/"([^"]*)"/g, "'$1'").replace("end of input", "the end of the text");
}

function checkLimits(source: Source): void {
  const { text } = source;
  if (text.length > textLimits.length)
    throw syntaxError(
      source,
      { start: 0, end: 0 },
      `the text has ${text.length} characters, at most ${textLimits.length} are read; large tensors belong beside it`,
    );
  let depth = 0;
  for (const match of text.matchAll(/\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|[[\]]/g)) {
    if (match[0] === "[") depth++;
    else if (match[0] === "]") depth--;
    if (depth > textLimits.depth)
      throw syntaxError(
        source,
        { start: match.index, end: match.index + 1 },
        `lists are nested more than ${textLimits.depth} deep`,
      );
  }
}

/** The tree of a node: `tree(node) as T` where the grammar says which T it is. */
export const treeOf =
  (operation: string) =>
  (node: Node): unknown =>
    (node[operation] as () => unknown).call(node);

const tree = treeOf("tree");
const listOf = (node: Node): unknown[] => node.asIteration().children.map(tree);
const optional = (node: Node): unknown =>
  node.children[0] === undefined ? undefined : tree(node.children[0]);
const rangeOf = (node: Node): TextRange => ({ start: node.source.startIdx, end: node.source.endIdx });
const leaf = (node: Node, text = node.sourceString): Leaf => ({ text, at: rangeOf(node) });
const sigilLeaf = (sigil: Node, rest: Node): Leaf => ({
  text: rest.sourceString,
  at: { start: sigil.source.startIdx, end: rest.source.endIdx },
});
const lastIndex = (node: Node): number => node.source.endIdx;

export function numberOfText(text: string): number {
  if (text === "nan") return NaN;
  return text.endsWith("inf") ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text);
}

/** Actions of the rules that all grammars share. */
export function lexicalActions(list: (node: Node) => unknown[]): ActionDict<unknown> {
  return {
    number: (node) => numberOfText(node.sourceString),
    // `+ 0`: an integer has no negative zero
    integer: (sign, digits) => Number(sign.sourceString + digits.sourceString) + 0,
    boolean: (node) => node.sourceString === "true",
    string: (open, parts, close) =>
      JSON.parse(open.sourceString + parts.sourceString + close.sourceString) as unknown,
    NumberList: (_open, items, _close) => list(items),
  };
}

const actions: ActionDict<unknown> = {
  ...lexicalActions(listOf),
  _iter: (...children) => children.map(tree),
  File: (items) => tree(items),
  Alias: (name, _equals, quantization) => ({
    kind: "alias",
    name: tree(name),
    quantization: tree(quantization),
  }),
  Graph: (_graph, name, _open, inputs, _close, _begin, operations, outputs, _end) => ({
    kind: "graph",
    name: tree(name),
    inputs: listOf(inputs),
    operations: tree(operations),
    outputs: tree(outputs),
  }),
  Output: (value, _arrow, input) => ({ value: tree(value), input: optional(input) }),
  Input: (name, _colon, type, range, storedAs) => ({
    name: tree(name),
    type: tree(type),
    range: optional(range),
    storedAs: optional(storedAs),
    at: {
      start: name.source.startIdx,
      end: Math.max(lastIndex(type), lastIndex(range), lastIndex(storedAs)),
    },
  }),
  Operation(name, _equals, operator, operands, attributes, _colon, type, range, storedAs, location) {
    return {
      name: tree(name),
      operator: leaf(operator),
      operands: listOf(operands),
      attributes: optional(attributes) ?? [],
      type: tree(type),
      range: optional(range),
      storedAs: optional(storedAs),
      origin: optional(location),
      at: rangeOf(this),
    };
  },
  Return: (_return, values) => listOf(values),
  Attributes: (_open, items, _close) => listOf(items),
  Attribute: (name, _equals, value) => ({ name: leaf(name), value: tree(value) }),
  Dense(_dense, _open, elements, _close, _colon, type) {
    return { kind: "dense", elements: tree(elements), type: optional(type), at: rangeOf(this) };
  },
  External(_external, _open, key, _close) {
    return { kind: "external", key: tree(key), at: rangeOf(this) };
  },
  Elements_splat: (word, element) => ({
    splat: true,
    nested: leaf(element),
    at: { start: word.source.startIdx, end: lastIndex(element) },
  }),
  Elements: (inner) =>
    inner.ctorName === "Elements_splat"
      ? tree(inner)
      : { splat: false, nested: tree(inner), at: rangeOf(inner) },
  Nested_list(_open, items, _close) {
    return { list: listOf(items), at: rangeOf(this) };
  },
  element: (node) => leaf(node),
  Range(_range, _open, min, _comma, max, _close) {
    return { min: tree(min), max: tree(max), at: rangeOf(this) };
  },
  StoredAs: (_as, element) => element.sourceString,
  Location: (_loc, origin) => tree(origin),
  Type(_tensor, _open, shaped, _comma, quantization, _close) {
    const [, extents, element] = /^((?:\d+x)*)(.*)$/.exec(shaped.sourceString)!;
    return {
      extents: extents!.split("x").slice(0, -1).map(Number),
      element,
      quantization: optional(quantization),
      at: rangeOf(this),
    };
  },
  Quantization_slices(_open, scale, _close, _colon, zeros, _at, axis) {
    return { scale: listOf(scale), ...(tree(zeros) as object), axis: tree(axis), at: rangeOf(this) };
  },
  Quantization_whole(scale, _colon, zero) {
    return { scale: [tree(scale)], zero: [tree(zero)], oneZero: true, axis: undefined, at: rangeOf(this) };
  },
  Zeros_list: (_open, zeros, _close) => ({ zero: listOf(zeros), oneZero: false }),
  Zeros_one: (zero) => ({ zero: [tree(zero)], oneZero: true }),
  graphName(_at, name) {
    const written = name.sourceString;
    return leaf(this, written.startsWith('"') ? (JSON.parse(written) as string) : written);
  },
  valueName: sigilLeaf,
  alias: sigilLeaf,
};

const qir = namespace["Qir"]!.createSemantics().addOperation<unknown>("tree", actions);
const call = namespace["Call"]!.createSemantics().addOperation<unknown>("tree", {
  ...actions,
  Run: (graph, _open, inputs, _close, _equals, outputs) => ({
    graph: tree(graph),
    inputs: listOf(inputs),
    outputs: listOf(outputs),
  }),
});

/** The aliases and graphs of a file, in order. Throws DiagnosticError `syntax`. */
export function parseSyntax(source: Source): readonly (AliasSyntax | GraphSyntax)[] {
  return tree(qir(matchText(source, "Qir", "File")) as Node) as (AliasSyntax | GraphSyntax)[];
}

/** A type alone, as operators' examples declare their operands. */
export function parseTypeSyntax(source: Source): TypeSyntax {
  return tree(qir(matchText(source, "Qir", "Type")) as Node) as TypeSyntax;
}

/** `@f([1, 2]) == [3, 4]`. Throws DiagnosticError `syntax`. */
export function parseRunSyntax(source: Source): RunSyntax {
  return tree(call(matchText(source, "Call", "Run")) as Node) as RunSyntax;
}
