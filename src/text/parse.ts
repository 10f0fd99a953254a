/**
 * From syntax trees to graphs. Every operation is checked by its own type rule; after an error the value keeps its
 * declared type, so that one mistake is reported once and the next ones are found in the same run.
 */
import {
  diagnostic,
  DiagnosticError,
  type Diagnostic,
  type DiagnosticDetails,
} from "../diagnostics/diagnostic.ts";
import type { AttributeValue } from "../ir/attributes.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { defineOp, type OpDefinition } from "../ir/operation.ts";
import { tensorType, type Quantization, type TensorType } from "../ir/types.ts";
import { typeFlaw } from "../ir/verify.ts";
import { operators } from "../ops/index.ts";
import { tensorSizeBytes } from "../tensor/bytes.ts";
import { elementTypes, isElementType, isNarrow } from "../tensor/element-type.ts";
import { findForeignInteger, type Tensor } from "../tensor/tensor.ts";
import { tensorOfElements } from "./elements.ts";
import { makeSource, spanOf, type Source, type TextRange } from "./source.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import {
  parseSyntax,
  parseTypeSyntax,
  type AttributeValueSyntax,
  type GraphSyntax,
  type Leaf,
  type OperationSyntax,
  type QuantizationSyntax,
  type RangeSyntax,
  type TypeSyntax,
} from "./syntax.ts";

export interface ParseOptions {
  /** The name that diagnostics give the text. */
  readonly file?: string;
  /** The tensors that `external<"name">` means. */
  readonly externals?: ReadonlyMap<string, Tensor>;
  /** The operators known, all of src/ops unless given. */
  readonly operators?: readonly OpDefinition[];
}

/** The one graph of a text. Throws DiagnosticError with every problem found. */
export function parseGraph(text: string, options: ParseOptions = {}): Graph {
  const graphs = parseGraphs(text, options);
  if (graphs.length === 1) return graphs[0]!;
  const source = makeSource(text, options.file ?? defaultFile);
  const span = spanOf(source, { start: 0, end: 0 });
  throw new DiagnosticError([
    diagnostic("error", "graph-count", `the text has ${graphs.length} graphs, expected one`, { span }),
  ]);
}

/** All graphs of a text, in order. Throws DiagnosticError with every problem found. */
export function parseGraphs(text: string, options: ParseOptions = {}): Graph[] {
  const context = makeContext(text, options);
  const graphs: Graph[] = [];
  for (const item of parseSyntax(context.source)) {
    if (item.kind === "alias") defineAlias(context, item.name, item.quantization);
    else {
      if (graphs.some(({ name }) => name === item.name.text))
        report(context, "duplicate-name", `graph @${item.name.text} is defined twice`, item.name.at);
      graphs.push(buildGraph(context, item));
    }
  }
  if (context.problems.length > 0) throw new DiagnosticError(context.problems);
  return graphs;
}

/** A type alone: `tensor<4xi8, 0.5:0>`. Throws DiagnosticError. */
export function parseType(text: string): TensorType {
  const context = makeContext(text, {});
  const type = buildType(context, parseTypeSyntax(context.source));
  if (type === undefined) throw new DiagnosticError(context.problems);
  return type;
}

const defaultFile = "text.qir";

interface Context {
  readonly source: Source;
  readonly problems: Diagnostic[];
  readonly operators: readonly OpDefinition[];
  readonly externals: ReadonlyMap<string, Tensor>;
  readonly aliases: Map<string, { readonly quantization: Quantization; readonly at: TextRange }>;
}

/** What a graph's names mean. A name whose value could not even be typed maps to no value and is not complained about again. */
type Scope = Map<string, { readonly value: Value | undefined; readonly at: TextRange }>;

const makeContext = (text: string, options: ParseOptions): Context => ({
  source: makeSource(text, options.file ?? defaultFile),
  problems: [],
  operators: options.operators ?? operators,
  externals: options.externals ?? new Map<string, Tensor>(),
  aliases: new Map(),
});

function report(
  context: Context,
  code: string,
  message: string,
  at: TextRange,
  details: DiagnosticDetails = {},
): void {
  context.problems.push(diagnostic("error", code, message, { span: spanOf(context.source, at), ...details }));
}

/** Runs what may throw diagnostics; they join the others. */
function attempt<T>(
  context: Context,
  run: () => T,
  complete: (d: Diagnostic) => Diagnostic = (d) => d,
): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    context.problems.push(...error.diagnostics.map(complete));
    return undefined;
  }
}

function defineAlias(context: Context, name: Leaf, syntax: QuantizationSyntax): void {
  const earlier = context.aliases.get(name.text);
  if (earlier !== undefined)
    report(context, "duplicate-name", `#${name.text} is defined twice`, name.at, {
      notes: [{ message: "the first definition is", span: spanOf(context.source, earlier.at) }],
    });
  else context.aliases.set(name.text, { quantization: quantizationOf(syntax), at: name.at });
}

/** One zero point stands for all slices. */
function quantizationOf({ scale, zero, oneZero, axis }: QuantizationSyntax): Quantization {
  if (axis === undefined) return { scale, zero };
  return { scale, zero: oneZero ? scale.map(() => zero[0]!) : zero, axis };
}

function buildType(context: Context, syntax: TypeSyntax): TensorType | undefined {
  const { extents, element, quantization, at } = syntax;
  if (!isElementType(element)) {
    report(context, "type", `there is no element type '${element}'`, at, didYouMean(element, elementTypes));
    return undefined;
  }
  if (tensorSizeBytes(element, extents) === undefined) {
    report(context, "type", "the tensor is too large", at);
    return undefined;
  }
  if (quantization === undefined) return tensorType(element, extents);
  if ("text" in quantization && !context.aliases.has(quantization.text)) {
    const help = didYouMean(quantization.text, context.aliases.keys(), "#");
    report(
      context,
      "unknown-alias",
      `there is no quantization #${quantization.text} above`,
      quantization.at,
      help,
    );
    return undefined;
  }
  const meant =
    "text" in quantization
      ? context.aliases.get(quantization.text)!.quantization
      : quantizationOf(quantization);
  const type = tensorType(element, extents, meant);
  const flaw = typeFlaw(type);
  if (flaw === undefined) return type;
  report(context, "type", `the type ${flaw}`, at);
  return undefined;
}

function buildGraph(context: Context, syntax: GraphSyntax): Graph {
  const graph = new Graph(syntax.name.text);
  const scope: Scope = new Map();
  for (const { name, type: typeSyntax, range, storedAs, at } of syntax.inputs) {
    const type = buildType(context, typeSyntax);
    if (!checkNew(context, scope, name)) continue;
    const value = type && graph.addInput(name.text, type);
    if (value !== undefined) {
      applyRange(context, graph, value, range);
      graph.storeAs(value, storedAs);
    }
    scope.set(name.text, { value, at });
  }
  for (const operation of syntax.operations) buildOperation(context, graph, scope, operation, syntax);
  const outputs = syntax.outputs.map(({ value }) => resolve(context, scope, value, syntax));
  graph.setOutputs(outputs.filter((value) => value !== undefined));
  syntax.outputs.forEach(({ input }, place) => {
    const value = input && resolve(context, scope, input, syntax);
    if (value !== undefined) graph.carry(value, place);
  });
  return graph;
}

/** Takes the place of an operation that is in error: the graph is never handed out, but later lines are checked against it. */
const broken = defineOp({
  name: "broken",
  doc: "",
  example: "",
  given: {},
  operands: [],
  attrs: {},
  infer: (_operands, _attrs, fail, declared) => declared ?? fail("internal", "has no type"),
  express: () => [],
});

function buildOperation(
  context: Context,
  graph: Graph,
  scope: Scope,
  syntax: OperationSyntax,
  graphSyntax: GraphSyntax,
): void {
  const { name, operator, origin, at } = syntax;
  const definition = context.operators.find((candidate) => candidate.name === operator.text);
  if (definition === undefined) {
    const known = context.operators.map((candidate) => candidate.name);
    report(
      context,
      "unknown-operator",
      `there is no operator '${operator.text}'`,
      operator.at,
      didYouMean(operator.text, known),
    );
  }
  const operands = syntax.operands.map((operand) => resolve(context, scope, operand, graphSyntax));
  const type = buildType(context, syntax.type);
  const problemsBefore = context.problems.length;
  const attributes = buildAttributes(context, syntax, type);
  const isNew = checkNew(context, scope, name);
  if (type === undefined) {
    if (isNew) scope.set(name.text, { value: undefined, at });
    return;
  }
  const known = operands.filter((value) => value !== undefined);
  const options = { name: name.text, type, origin, span: spanOf(context.source, at) };
  const complete = (d: Diagnostic): Diagnostic => ({
    span: options.span,
    ...withDefinitions(context, scope, syntax, d),
  });
  const sound =
    definition !== undefined &&
    known.length === operands.length &&
    context.problems.length === problemsBefore &&
    isNew;
  const created = sound
    ? attempt(context, () => graph.createGeneric(definition, known, attributes, options), complete)
    : undefined;
  const { result } = created ?? graph.createGeneric(broken, [], {}, options);
  applyRange(context, graph, result, syntax.range);
  graph.storeAs(result, syntax.storedAs);
  if (isNew) scope.set(name.text, { value: result, at });
}

/** An error of a type rule concerns the operands: it says where each of them is defined. */
function withDefinitions(
  context: Context,
  scope: Scope,
  { operands }: OperationSyntax,
  d: Diagnostic,
): Diagnostic {
  if (d.code === "attribute" || d.code === "operand-count") return d;
  const names = [...new Set(operands.map(({ text }) => text))].slice(0, 8);
  const notes = names.map((text) => ({
    message: `operand %${text} is defined`,
    span: spanOf(context.source, scope.get(text)!.at),
  }));
  return { ...d, notes: [...d.notes, ...notes] };
}

/** The value of a name; complains once when nothing above defines it. */
function resolve(context: Context, scope: Scope, name: Leaf, { operations }: GraphSyntax): Value | undefined {
  const found = scope.get(name.text);
  if (found !== undefined) return found.value;
  const later = operations.find((operation) => operation.name.text === name.text);
  const details =
    later === undefined
      ? didYouMean(name.text, scope.keys(), "%")
      : { notes: [{ message: `%${name.text} is defined`, span: spanOf(context.source, later.at) }] };
  const message =
    later === undefined ? `there is no value %${name.text}` : `%${name.text} is used before its definition`;
  report(context, "unknown-value", message, name.at, details);
  return undefined;
}

function checkNew(context: Context, scope: Scope, name: Leaf): boolean {
  const earlier = scope.get(name.text);
  if (earlier === undefined) return true;
  report(context, "duplicate-name", `%${name.text} is defined twice`, name.at, {
    notes: [{ message: "the first definition is", span: spanOf(context.source, earlier.at) }],
  });
  return false;
}

function applyRange(context: Context, graph: Graph, value: Value, range: RangeSyntax | undefined): void {
  if (range === undefined) return;
  const { min, max, at } = range;
  if (min <= max) graph.setRange(value, { min, max });
  else report(context, "range", `the range from ${min} to ${max} is empty`, at);
}

function buildAttributes(
  context: Context,
  { attributes }: OperationSyntax,
  type: TensorType | undefined,
): Record<string, AttributeValue> {
  const built = new Map<string, AttributeValue>();
  for (const { name, value: syntax } of attributes) {
    if (built.has(name.text))
      report(context, "duplicate-name", `attribute '${name.text}' is given twice`, name.at);
    const value = attempt(context, () => attributeValue(context, syntax, type));
    if (value !== undefined) built.set(name.text, value);
  }
  return Object.fromEntries(built);
}

/** Elements without a type of their own take the result's. */
function attributeValue(
  context: Context,
  syntax: AttributeValueSyntax,
  resultType: TensorType | undefined,
): AttributeValue | undefined {
  if (typeof syntax !== "object" || !("kind" in syntax)) return syntax;
  const { source } = context;
  const fail = (message: string, at: TextRange): never => {
    throw new DiagnosticError([diagnostic("error", "tensor", message, { span: spanOf(source, at) })]);
  };
  if (syntax.kind === "external") {
    const found = context.externals.get(syntax.key!);
    if (found === undefined)
      return fail(`there is no external tensor "${syntax.key}" beside the text`, syntax.at);
    return narrowed(found, resultType, (message) => fail(message, syntax.at));
  }
  const type = syntax.type === undefined ? resultType : buildType(context, syntax.type);
  return type && tensorOfElements(syntax.elements!, type.element, type.shape, fail);
}

/** Files hold narrow integers as i8 (safetensors.ts): the result's type says what they are. */
function narrowed(
  found: Tensor,
  resultType: TensorType | undefined,
  fail: (message: string) => never,
): Tensor {
  const element = resultType?.element;
  if (element === undefined || !isNarrow(element) || found.element !== "i8") return found;
  const tensor: Tensor = { ...found, element };
  const foreign = findForeignInteger(tensor);
  return foreign < 0
    ? tensor
    : fail(`${String(tensor.data[foreign])} of element ${foreign} is none of ${element}`);
}
