/**
 * Checks the structure of a decoded model, so that conversion can take it for granted:
 *
 *   - every name used is defined, once, in its graph or (for subgraphs) in one around it;
 *   - nodes stand after the nodes they use, also through the subgraphs they own: sorted here if they do not, unless
 *     a cycle forbids it;
 *   - the graph has outputs, and each is defined;
 *   - the operator set of every domain in use is imported;
 *   - every input has an element type and a fixed shape (resolve-inputs.ts).
 *
 * Problems are collected and thrown together. Lenient where exporters are careless without harm: a subgraph may give
 * a name of a graph around it a new meaning, and may return a value of a graph around it.
 */
import { diagnostic, DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { describeNode } from "./decode.ts";
import type { OnnxAttribute, OnnxConstant, OnnxGraph, OnnxModel, OnnxNode } from "./model.ts";
import { suggest } from "../../diagnostics/suggest.ts";
import { maxFoldedElements } from "./node-view.ts";
import { resolveInputs } from "./resolve-inputs.ts";
import type { FixedDimension, OnnxInput } from "./resolve-inputs.ts";
import { sortNodes } from "./sort-nodes.ts";
import { elementRange, isBigInteger, isFloat, type ElementType } from "../../tensor/element-type.ts";
import { elementCount, tensor, type Tensor } from "../../tensor/tensor.ts";

export interface OnnxCheckOptions {
  /** Shapes of inputs by name, for what the model leaves open. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** Inputs by name whose contents are known when the model is compiled: they become initializers. */
  readonly constants?: ReadonlyMap<string, Tensor>;
  /** The same as numbers, which take the input's own type: one for all its elements, or one each. */
  readonly fixed?: ReadonlyMap<string, readonly number[]>;
}

export interface CheckedOnnxModel {
  /** As given, with the nodes of every graph in an order of execution. */
  readonly model: OnnxModel;
  /** The inputs a caller must supply: those without an initializer. */
  readonly inputs: readonly OnnxInput[];
  /** Dimensions that the model leaves open, and what they became. To be reported. */
  readonly fixed: readonly FixedDimension[];
  /** What the symbols of the inputs became; the model's outputs and value infos may use them too. */
  readonly symbols: ReadonlyMap<string, number>;
}

/** A name that a graph uses and does not define: who uses it, and what that graph does define. */
interface FreeName {
  readonly user: string;
  readonly known: ReadonlyMap<string, unknown>;
}

interface Context {
  readonly problems: Diagnostic[];
  readonly domains: Map<string, string>;
}

interface CheckedGraph {
  readonly graph: OnnxGraph;
  readonly free: ReadonlyMap<string, FreeName>;
  readonly known: ReadonlyMap<string, unknown>;
}

const maxProblems = 20;
const maxCycleNames = 12;

/** Definitions by name, the first of two: the node's index, or -1 for inputs and initializers. */
function definitionsOf(graph: OnnxGraph, label: string, problems: Diagnostic[]): Map<string, number> {
  const definitions = new Map<string, number>();
  const define = (name: string, index: number, who: string): void => {
    const earlier = definitions.get(name);
    if (earlier !== undefined) {
      const first = graph.nodes[earlier];
      const message = `'${name}' is defined by ${who}, and before by ${first ? describeNode(first) : "an input or initializer"}`;
      const help = "give every value of the graph its own name";
      problems.push(
        diagnostic("error", "onnx-duplicate-definition", message, { subject: `${who} of ${label}`, help }),
      );
      return;
    }
    definitions.set(name, index);
  };
  for (const { name } of graph.inputs) define(name, -1, `input "${name}"`);
  for (const name of graph.initializers.keys()) definitions.set(name, -1);
  for (const [index, node] of graph.nodes.entries()) {
    for (const name of node.outputs) if (name !== "") define(name, index, describeNode(node));
  }
  return definitions;
}

function checkAttribute(
  attribute: OnnxAttribute,
  label: string,
  context: Context,
  free: Map<string, FreeName>,
) {
  const sub = (graph: OnnxGraph): OnnxGraph => {
    const checked = checkGraph(graph, `graph "${graph.name}" in ${label}`, context);
    for (const [name, use] of checked.free) if (!free.has(name)) free.set(name, use);
    return checked.graph;
  };
  if (attribute.kind === "graph") return { ...attribute, value: sub(attribute.value) };
  if (attribute.kind === "graphs") return { ...attribute, value: attribute.value.map(sub) };
  return attribute;
}

function ownsGraph(node: OnnxNode): boolean {
  return [...node.attributes.values()].some(({ kind }) => kind === "graph" || kind === "graphs");
}

/** The node with its subgraphs checked, and the names it and they use from outside. */
function checkNode(
  node: OnnxNode,
  label: string,
  context: Context,
  known: ReadonlyMap<string, unknown>,
): { readonly node: OnnxNode; readonly uses: ReadonlyMap<string, FreeName> } {
  const user = `${describeNode(node)} of ${label}`;
  if (!context.domains.has(node.domain)) context.domains.set(node.domain, user);
  const uses = new Map<string, FreeName>();
  for (const name of node.inputs) if (name !== "") uses.set(name, { user, known });
  if (!ownsGraph(node)) return { node, uses };
  const attributes = new Map<string, OnnxAttribute>();
  for (const [name, attribute] of node.attributes) {
    attributes.set(name, checkAttribute(attribute, describeNode(node), context, uses));
  }
  return { node: { ...node, attributes }, uses };
}

function reportCycle(nodes: readonly OnnxNode[], cycle: readonly number[], label: string): Diagnostic {
  // Against the direction of use, that is, in the direction of the data.
  const names = cycle.map((index) => describeNode(nodes[index]!)).reverse();
  const shown = names.slice(0, maxCycleNames);
  const rest = names.length - shown.length;
  const path = [...shown, ...(rest > 0 ? [`${rest} more`] : []), names[0]!].join(" -> ");
  return diagnostic("error", "onnx-cycle", `the graph is cyclic: ${path}`, {
    subject: label,
    help: "break the cycle: a network computes each value once, from values before it",
  });
}

function checkGraph(graph: OnnxGraph, label: string, context: Context): CheckedGraph {
  const { problems } = context;
  const known = definitionsOf(graph, label, problems);
  const free = new Map<string, FreeName>();
  const nodes: OnnxNode[] = [];
  const producers: number[][] = [];
  for (const original of graph.nodes) {
    const { node, uses } = checkNode(original, label, context, known);
    nodes.push(node);
    const from = new Set<number>();
    for (const [name, use] of uses) {
      const definer = known.get(name);
      if (definer === undefined) free.set(name, free.get(name) ?? use);
      else if (definer >= 0) from.add(definer);
    }
    producers.push([...from]);
  }
  for (const { name } of graph.outputs) {
    if (!known.has(name) && !free.has(name)) free.set(name, { user: `output "${name}" of ${label}`, known });
  }
  const sorted = sortNodes(producers);
  if ("cycle" in sorted) {
    problems.push(reportCycle(nodes, sorted.cycle, label));
    return { graph, free, known };
  }
  return { graph: { ...graph, nodes: sorted.order.map((index) => nodes[index]!) }, free, known };
}

function undefinedName(
  name: string,
  { user, known }: FreeName,
  outer: ReadonlyMap<string, unknown>,
): Diagnostic {
  const meant = suggest(name, known.keys()) ?? suggest(name, outer.keys());
  const output = user.startsWith("output ");
  const code = output ? "onnx-undefined-output" : "onnx-undefined-input";
  const message = output
    ? `the output '${name}' is not computed`
    : `${user} uses '${name}', which is not defined`;
  return diagnostic("error", code, message, {
    subject: user,
    help:
      meant === undefined
        ? "export the model again, or check it with onnx.checker"
        : `did you mean '${meant}'?`,
  });
}

/** ONNX issues two or three a year: what is beyond is no version. */
const largestOpset = 999;

function opsetProblems({ opsets }: OnnxModel, domains: ReadonlyMap<string, string>): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const help = "export the model again with an operator set (opset_version=17, for example)";
  for (const [domain, user] of domains) {
    const version = opsets.get(domain);
    if (version !== undefined && version >= 1 && version <= largestOpset) continue;
    const name = domain === "" ? "ai.onnx" : domain;
    const found = version === undefined ? "imports no operator set" : `imports version ${version}`;
    const message = `the model ${found} of domain '${name}', which ${user} needs`;
    problems.push(diagnostic("error", "onnx-missing-opset", message, { subject: user, help }));
  }
  return problems;
}

/**
 * Checks a decoded model and fixes its order and input shapes.
 * @throws DiagnosticError with all problems found: onnx-cycle, onnx-undefined-input, onnx-undefined-output,
 *   onnx-duplicate-definition, onnx-missing-output, onnx-missing-opset, onnx-input-type, onnx-missing-shape,
 *   onnx-dynamic-shape, onnx-unknown-input, onnx-shape-option; beyond 20 of them, onnx-more-problems counts the rest
 */
export function checkOnnxModel(given: OnnxModel, options: OnnxCheckOptions = {}): CheckedOnnxModel {
  const model = withConstants(given, new Map([...(options.constants ?? []), ...fixedInputs(given, options)]));
  const problems: Diagnostic[] = [];
  const context: Context = { problems, domains: new Map() };
  const label = `graph "${model.graph.name}"`;
  const { graph, free, known } = checkGraph(model.graph, label, context);
  if (graph.outputs.length === 0) {
    problems.push(
      diagnostic("error", "onnx-missing-output", "the graph has no outputs", {
        subject: label,
        help: "export the model again: a network without an output computes nothing",
      }),
    );
  }
  problems.push(...opsetProblems(model, context.domains));
  const resolved = resolveInputs(
    graph.inputs.filter(({ name }) => !graph.initializers.has(name)),
    // What is fixed to numbers has taken its shape with them.
    options.shapes && new Map([...options.shapes].filter(([name]) => options.fixed?.has(name) !== true)),
  );
  problems.push(...resolved.problems);
  for (const [name, use] of [...free].slice(0, maxProblems)) problems.push(undefinedName(name, use, known));
  const total = problems.length + Math.max(0, free.size - maxProblems);
  if (total > 0) throw new DiagnosticError(limited(problems, total));
  const { inputs, fixed, symbols } = resolved;
  return { model: { ...model, graph }, inputs, fixed, symbols };
}

/** Of unknown names the numbers alone, for `withConstants` to name. Open extents are 1, or those of `shapes`. */
function fixedInputs(
  { graph }: OnnxModel,
  { fixed = new Map(), shapes }: OnnxCheckOptions,
): [string, Tensor][] {
  return [...fixed].map(([name, numbers]) => {
    const { element = "f32", shape: stated } = graph.inputs.find((input) => input.name === name) ?? {};
    const declared = stated ?? shapes?.get(name) ?? [];
    const shape = shapes?.get(name) ?? declared.map((extent) => (typeof extent === "number" ? extent : 1));
    const count = elementCount(shape);
    const isOpen = shapes?.has(name) !== true && declared.some((extent) => typeof extent !== "number");
    const refuse = (message: string, help: string): never =>
      fail("onnx-shape-option", message, { subject: `input "${name}"`, help });
    if (
      !declared.every((extent, axis) => typeof extent !== "number" || extent === shape[axis]) ||
      shape.length !== declared.length
    )
      refuse(
        `input '${name}' is [${declared.join(", ")}], which [${shape.join(", ")}] does not fit`,
        "give a shape of the same rank and fixed extents",
      );
    if (count > maxFoldedElements)
      refuse(
        `input '${name}' [${shape.join(", ")}] has ${count} elements, too many to fix`,
        `leave it an input: at most ${maxFoldedElements} are fixed to numbers`,
      );
    if (numbers.length !== 1 && numbers.length !== count)
      refuse(
        `${numbers.length} numbers are given for input '${name}' [${shape.join(", ")}]`,
        `give one number, or ${count}${isOpen ? `; its open extents are 1 unless --shape ${name}=… says otherwise` : ""}`,
      );
    const wrong = numbers.find((value) => !fits(value, element));
    if (wrong !== undefined)
      refuse(`input '${name}' holds ${element}, which ${wrong} is not`, `give ${rangeText(element)}`);
    const values = new Float64Array(count);
    if (numbers.length === 1) values.fill(numbers[0]!);
    else values.set(numbers);
    return [
      name,
      tensor(element, shape, isBigInteger(element) ? Array.from(values, BigInt) : Array.from(values)),
    ];
  });
}

function fits(value: number, element: ElementType): boolean {
  if (isFloat(element)) return Number.isFinite(element === "f32" ? Math.fround(value) : value);
  if (!Number.isSafeInteger(value)) return false;
  const { min, max } = integersOf(element);
  return value >= min && value <= max;
}

const rangeText = (element: ElementType): string => {
  if (isFloat(element)) return "a finite number of that type";
  const { min, max } = integersOf(element);
  return `whole numbers from ${min} to ${max}`;
};

/** What a number can say of an element: 64 bits as far as doubles are exact. */
function integersOf(element: ElementType): { readonly min: number; readonly max: number } {
  if (element === "bool") return { min: 0, max: 1 };
  if (!isBigInteger(element)) return elementRange(element);
  return { min: element === "u64" ? 0 : Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
}

function withConstants(model: OnnxModel, constants: ReadonlyMap<string, Tensor>): OnnxModel {
  if (constants.size === 0) return model;
  const names = model.graph.inputs.map(({ name }) => name);
  const unknown = [...constants.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new DiagnosticError([
      diagnostic("error", "onnx-unknown-input", `a constant is given for '${unknown}', which is no input`, {
        subject: `graph "${model.graph.name}"`,
        help: `the inputs are ${names.join(", ")}`,
      }),
    ]);
  const initializers = new Map<string, OnnxConstant>([...model.graph.initializers, ...constants]);
  return { ...model, graph: { ...model.graph, initializers } };
}

function limited(problems: readonly Diagnostic[], total: number): readonly Diagnostic[] {
  if (total <= maxProblems) return problems;
  const rest = `${total - maxProblems} more problems of the model's structure are not listed`;
  return [...problems.slice(0, maxProblems), diagnostic("error", "onnx-more-problems", rest)];
}
