/**
 * The ONNX front end: bytes in, a graph of ours out.
 *
 *   guard → decode → check → convert every node that an output depends on → outputs
 *
 * Nodes whose inputs are all known at compile time are evaluated (fold-shapes.ts), the others built by their row of
 * converters/. A node that fails poisons what depends on it and no more, so that independent problems are reported
 * together. Values keep the names ONNX gives them, as far as our names allow, and operations say which node they come from.
 */
import { diagnostic, DiagnosticError, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import type { PortNames } from "../../ir/ports.ts";
import { tensorType } from "../../ir/types.ts";
import { checkOnnxModel, type CheckedOnnxModel, type OnnxCheckOptions } from "./check.ts";
import { constantPool, type ConstantPool } from "./constant-pool.ts";
import type { ConverterRow } from "./converters/converter.ts";
import { converters } from "./converters/index.ts";
import { decodeOnnx, describeNode } from "./decode.ts";
import { folds } from "./fold-shapes.ts";
import { isOpaque, type OnnxDimension, type OnnxGraph, type OnnxModel, type OnnxNode } from "./model.ts";
import { nodeView, type NodeView } from "./node-view.ts";
import { contentOf, describeOperand, isKnown, isTensor, type Converted, type Operand } from "./operand.ts";
import { quantizationOfInput } from "./quantization.ts";
import { operatorKey, unsupportedOperators } from "./unsupported.ts";

export interface OnnxImportOptions extends OnnxCheckOptions {
  /** The file's name, for diagnostics. */
  readonly file?: string;
}

export interface ImportedModel {
  readonly graph: Graph;
  readonly ports: PortNames;
  /** What was assumed: open dimensions that were fixed, attributes that were ignored. No errors. */
  readonly notes: readonly Diagnostic[];
}

/**
 * Reads a .onnx file.
 *
 * @throws DiagnosticError of `decodeOnnx` and `checkOnnxModel`; onnx-unsupported-operator with all such nodes; else all of
 *   onnx-attribute, onnx-axis, onnx-cast, onnx-missing-input, onnx-not-constant, onnx-rank,
 *   onnx-too-large, onnx-training, onnx-unsupported-element, onnx-unsupported-output, onnx-weights, and those of the
 *   operators' type rules, each with the node and its inputs
 */
export function importOnnx(bytes: Uint8Array, options: OnnxImportOptions = {}): ImportedModel {
  try {
    return convertModel(checkOnnxModel(decodeOnnx(bytes), options));
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    throw new DiagnosticError(error.diagnostics.map((problem) => inFile(problem, options.file)));
  }
}

/** With the file's name, and with something to do about what only says what was expected. */
function inFile(problem: Diagnostic, file: string | undefined): Diagnostic {
  const subject = file === undefined ? problem.subject : [problem.subject, file].filter(Boolean).join(" of ");
  return {
    help: "change it where the model is exported, or check the file with onnx.checker",
    ...problem,
    ...(subject === undefined ? {} : { subject }),
  };
}

interface Conversion {
  readonly model: OnnxModel;
  readonly graph: Graph;
  readonly pool: ConstantPool;
  readonly notes: Diagnostic[];
  readonly folded: { elements: number };
}

/** The names of one graph of the model; those of a subgraph hide names around it. */
interface Scope {
  readonly source: OnnxGraph;
  /** Names that live nodes or the outputs use. */
  readonly needed: ReadonlySet<string>;
  /** What names stand for; undefined for those that could not be converted. */
  readonly operands: Map<string, Operand | undefined>;
  readonly outer: Scope | undefined;
}

function convertModel(checked: CheckedOnnxModel): ImportedModel {
  const { model } = checked;
  const graph = new Graph(model.graph.name === "" ? "main" : model.graph.name);
  const notes = fixedDimensions(checked);
  const conversion: Conversion = { model, graph, pool: constantPool(graph), notes, folded: { elements: 0 } };
  const { nodes, needed } = liveNodes(model.graph);
  requireOperators(model, nodes);
  const scope: Scope = { source: model.graph, needed, operands: new Map(), outer: undefined };
  for (const input of checked.inputs) {
    const quantization = quantizationOfInput(model, input.name, input.element);
    const value = graph.addInput(input.name, tensorType(input.element, input.shape, quantization));
    scope.operands.set(input.name, { name: input.name, value });
  }
  const problems = convertNodes(conversion, scope, nodes);
  collectInto(problems, () => {
    setOutputs(conversion, scope);
  });
  if (problems.length > 0) throw new DiagnosticError(distinct(problems));
  const ports = {
    inputs: checked.inputs.map(({ name }) => name),
    outputs: model.graph.outputs.map(({ name }) => name),
  };
  return { graph, ports, notes };
}

function collectInto(problems: Diagnostic[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    problems.push(...error.diagnostics);
  }
}

/** What is wrong with any of them. */
function convertNodes(conversion: Conversion, scope: Scope, nodes: readonly OnnxNode[]): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const node of nodes)
    collectInto(problems, () => {
      convertNode(conversion, scope, node);
    });
  return problems;
}

/** The nodes of a subgraph, converted where its owner stands. Subgraphs nest no deeper than the guard of the bytes lets messages. */
function inlineSubgraph(conversion: Conversion, outer: Scope, source: OnnxGraph): Converted[] {
  const { nodes, needed } = liveNodes(source);
  requireOperators(conversion.model, nodes);
  const scope: Scope = { source, needed, operands: new Map(), outer };
  const problems = convertNodes(conversion, scope, nodes);
  const outputs: Converted[] = [];
  for (const { name } of source.outputs)
    collectInto(problems, () => {
      const operand = resolve(scope, name);
      if (operand !== undefined) outputs.push(contentOf(operand));
    });
  // Of an output that could not be converted the reason is among the problems, here or further out.
  if (problems.length > 0 || outputs.length < source.outputs.length)
    throw new DiagnosticError(distinct(problems));
  return outputs;
}

/** A faulty initializer is reported once, however many nodes read it. */
function distinct(problems: readonly Diagnostic[]): Diagnostic[] {
  const keyed = problems.map((d): [string, Diagnostic] => [`${d.code} ${d.subject ?? ""} ${d.message}`, d]);
  return [...new Map(keyed.reverse()).values()].reverse();
}

/**
 * The nodes that some output depends on, in order, and the names they and the outputs need. Others may be anything. What a subgraph
 * names counts, whichever branch is taken.
 */
function liveNodes(source: OnnxGraph): { nodes: readonly OnnxNode[]; needed: ReadonlySet<string> } {
  const needed = new Set(source.outputs.map(({ name }) => name));
  const live = source.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of namesRead(node)) needed.add(name);
    return true;
  });
  return { nodes: live.reverse(), needed };
}

function namesRead({ inputs, attributes }: OnnxNode): readonly string[] {
  const inner = [...attributes.values()].flatMap((attribute) =>
    attribute.kind === "graph" ? [attribute.value] : [],
  );
  return [
    ...inputs,
    ...inner.flatMap(({ nodes, outputs }) => [
      ...nodes.flatMap(namesRead),
      ...outputs.map(({ name }) => name),
    ]),
  ];
}

const rowOf = <Row>(table: Readonly<Record<string, Row>>, key: string): Row | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

function requireOperators(model: OnnxModel, nodes: readonly OnnxNode[]): void {
  const unknown = nodes.filter((node) => rowOf(converters, operatorKey(node)) === undefined);
  if (unknown.length === 0) return;
  const supported = Object.keys(converters);
  throw new DiagnosticError(unsupportedOperators(unknown, model.opsets, model.functions, supported));
}

function fixedDimensions({ fixed }: CheckedOnnxModel): Diagnostic[] {
  return fixed.map(({ input, axis, symbol, extent, reason }) => {
    const name = symbol === undefined ? "" : ` ('${symbol}')`;
    const why = { option: " as asked", batch: "", symbol: " as elsewhere" }[reason];
    return diagnostic(
      "note",
      "onnx-fixed-dimension",
      `axis ${axis}${name} of input '${input}' is fixed to ${extent}${why}`,
      { subject: `input "${input}"` },
    );
  });
}

/** What a name stands for; the checker has proved that it is defined. */
function resolve(scope: Scope, name: string): Operand | undefined {
  const { operands, source, outer } = scope;
  if (operands.has(name)) return operands.get(name);
  const constant = source.initializers.get(name);
  if (constant === undefined) {
    if (outer === undefined) throw new Error(`internal: '${name}' passed the checks undefined`);
    return resolve(outer, name);
  }
  if (isOpaque(constant)) {
    operands.set(name, undefined);
    throw new DiagnosticError([
      diagnostic(
        "error",
        "onnx-unsupported-element",
        `initializer "${name}" holds ${constant.opaque}, which is not supported`,
        { subject: `initializer "${name}"`, help: "export the model with float32 weights" },
      ),
    ]);
  }
  const operand = { name, tensor: constant, initializer: true };
  operands.set(name, operand);
  return operand;
}

function convertNode(conversion: Conversion, scope: Scope, node: OnnxNode): void {
  for (const name of node.outputs) if (name !== "") scope.operands.set(name, undefined);
  const operands = node.inputs.map((name) => (name === "" ? undefined : resolve(scope, name)));
  if (node.inputs.some((name, i) => name !== "" && operands[i] === undefined)) return;

  const opset = conversion.model.opsets.get(node.domain) ?? 1;
  const inline = (subgraph: OnnxGraph): readonly Converted[] => inlineSubgraph(conversion, scope, subgraph);
  const view = nodeView(node, operands, { ...conversion, opset, inline });
  try {
    const converted = convertView(view, rowOf(converters, operatorKey(node))!);
    assignOutputs(conversion, scope, view, converted);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    throw new DiagnosticError(error.diagnostics.map((problem) => withOperands(problem, view)));
  }
  for (const name of view.attributes.unread())
    view.warn("onnx-ignored-attribute", `has the attribute '${name}', which is ignored`);
}

function convertView(view: NodeView, { convert, ...row }: ConverterRow): readonly Converted[] {
  requireVersion(view, row);
  const allKnown = view.operands.every((operand) => operand === undefined || isKnown(operand));
  const folded = allKnown ? rowOf(folds, operatorKey(view.node))?.(view) : undefined;
  if (folded !== undefined) return [folded];
  const converted = convert(view);
  return Array.isArray(converted) ? (converted as readonly Converted[]) : [converted as Converted];
}

/** Files that name an operator set without the operator are read all the same, by that set's rules. */
function requireVersion(view: NodeView, { since, until }: Pick<ConverterRow, "since" | "until">): void {
  const { node, opset } = view;
  if (node.domain !== "" || (opset >= since && opset <= (until ?? opset))) return;
  const sets = until === undefined ? `${since} and later` : `${since} to ${until}`;
  view.warn("onnx-operator-version", `is an operator of operator sets ${sets}, the model imports ${opset}`);
}

/** The inputs explain most problems; a fault of an initializer explains itself. */
function withOperands(problem: Diagnostic, view: NodeView): Diagnostic {
  const origin = describeNode(view.node);
  if ((problem.subject ?? origin) !== origin) return problem;
  const inputs = view.operands.flatMap((operand, i) =>
    operand === undefined ? [] : [{ message: `input ${i} is ${describeOperand(operand)}` }],
  );
  return { ...problem, subject: origin, notes: [...problem.notes, ...inputs] };
}

function assignOutputs(
  { graph }: Conversion,
  { operands, needed }: Scope,
  view: NodeView,
  converted: readonly Converted[],
): void {
  view.node.outputs.forEach((name, i) => {
    if (name === "") return;
    const result = converted[i];
    if (result === undefined) {
      if (needed.has(name))
        view.fail("onnx-unsupported-output", `has its output ${i} ("${name}") used, which is not supported`);
    } else if (isTensor(result)) {
      operands.set(name, { name, tensor: result, initializer: false });
    } else {
      if (view.created.has(result)) graph.rename(result, name);
      operands.set(name, { name, value: result });
    }
  });
}

/** A value that several names stand for gets the name of the first output it is. */
function setOutputs({ graph, pool, model, notes }: Conversion, scope: Scope): void {
  const named = new Set<Value>(graph.inputs);
  const values = model.graph.outputs.map(({ name, shape }) => {
    const operand = resolve(scope, name);
    if (operand === undefined) return undefined;
    const value = isKnown(operand) ? pool(operand) : operand.value;
    if (!named.has(value)) graph.rename(value, name);
    named.add(value);
    if (shape !== undefined && !agrees(shape, value.type.shape)) notes.push(otherShape(name, shape, value));
    return value;
  });
  if (values.every((value) => value !== undefined)) graph.setOutputs(values);
}

const agrees = (declared: readonly OnnxDimension[], shape: readonly number[]): boolean =>
  declared.length === shape.length &&
  declared.every((extent, axis) => typeof extent !== "number" || extent === shape[axis]);

function otherShape(name: string, declared: readonly OnnxDimension[], { type }: Value): Diagnostic {
  const text = declared.map((extent) => extent ?? "?").join(", ");
  const message = `output '${name}' has the shape [${type.shape.join(", ")}], declared as [${text}]`;
  return diagnostic("warning", "onnx-output-shape", message, { subject: `output "${name}"` });
}
