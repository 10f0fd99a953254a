/**
 * Graphs as text, in the one form that parse ∘ print keeps: operations in order, attributes in the definition's order
 * and only where they differ from their defaults, shortest decimals, aliases re-created.
 *
 * A quantization becomes an alias when it is long (more than 24 characters) or frequent (more than two uses); aliases are
 * numbered in order of first use.
 */
import { sameAttribute, type AttributeValue } from "../ir/attributes.ts";
import type { Graph, Operation, Value } from "../ir/graph.ts";
import { formatQuantization, formatType, sameShape, type TensorType } from "../ir/types.ts";
import { formatNumber } from "../numerics/shortest.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import { formatElements } from "./elements.ts";

export interface PrintOptions {
  /** Takes the tensors of more than 32 elements, which are then printed by name. Without it they are printed in full. */
  readonly externals?: Map<string, Tensor>;
}

const longestInline = 24;
const mostInlineUses = 2;
const largestDenseElements = 32;
const lineWidth = 110;

/** One graph with its aliases; ends with a newline. */
export const printGraph = (graph: Graph, options: PrintOptions = {}): string => printGraphs([graph], options);

/** Graphs that share their aliases and the names of external tensors. */
export function printGraphs(graphs: readonly Graph[], options: PrintOptions = {}): string {
  const aliases = aliasesOf(graphs);
  const definitions = [...aliases].map(([text, name]) => `${name} = ${text}\n`).join("");
  const type = (t: TensorType): string =>
    formatType(t, t.quantization && (aliases.get(formatQuantization(t.quantization)) ?? undefined));
  return definitions + graphs.map((graph) => graphText(graph, type, options.externals)).join("\n");
}

/** `@main`, quoted where it is no plain name. */
export const formatGraphName = (name: string): string =>
  /^[A-Za-z0-9_.]+$/.test(name) ? `@${name}` : `@${JSON.stringify(name)}`;

type TypeText = (type: TensorType) => string;

function graphText(graph: Graph, type: TypeText, externals: Map<string, Tensor> | undefined): string {
  const inputs = graph.inputs.map((input) => `%${input.name}: ${type(input.type)}${wishText(input)}`);
  const name = formatGraphName(graph.name);
  const head = `graph ${name}(${inputs.join(", ")}) {`;
  return [
    head.length <= lineWidth
      ? head
      : `graph ${name}(\n${inputs.map((input) => `  ${input}`).join(",\n")}\n) {`,
    ...graph.operations.map((operation) => `  ${operationText(operation, type, externals)}`),
    `  ${["return", outputList(graph)].filter((part) => part !== "").join(" ")}`,
    "}\n",
  ].join("\n");
}

function operationText(
  operation: Operation,
  type: TypeText,
  externals: Map<string, Tensor> | undefined,
): string {
  const { definition, operands, attributes, result, origin } = operation;
  const written = Object.entries(definition.attrs).flatMap(([name, { default: fallback }]) => {
    const value = attributes[name]!;
    if (fallback !== undefined && sameAttribute(value, fallback)) return [];
    const key = name === "value" ? result.name : `${result.name}.${name}`;
    return [`${name} = ${attributeText(value, result.type, key, externals)}`];
  });
  const parts = [
    `%${result.name} = ${definition.name}`,
    valueList(operands),
    written.length === 0 ? "" : `{${written.join(", ")}}`,
    `: ${type(result.type)}${wishText(result)}`,
    origin === undefined ? "" : `loc ${JSON.stringify(origin)}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

function outputList({ outputs, carried }: Graph): string {
  const inputOf = new Map(carried.map(({ input, output }) => [output, input]));
  return outputs
    .map((value) =>
      inputOf.has(value) ? `%${value.name} -> %${inputOf.get(value)!.name}` : `%${value.name}`,
    )
    .join(", ");
}

const valueList = (values: readonly Value[]): string => values.map((value) => `%${value.name}`).join(", ");

/** What quantization is to know of a value. */
const wishText = ({ range, storedAs }: Value): string =>
  (range === undefined ? "" : ` range [${formatNumber(range.min)}, ${formatNumber(range.max)}]`) +
  (storedAs === undefined ? "" : ` as ${storedAs}`);

function attributeText(
  value: AttributeValue,
  resultType: TensorType,
  key: string,
  externals: Map<string, Tensor> | undefined,
): string {
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean") return String(value);
  if (!("element" in value)) return `[${value.map((x) => formatNumber(x)).join(", ")}]`;
  if (externals !== undefined && elementCount(value.shape) > largestDenseElements)
    return `external<${JSON.stringify(store(value, key, externals))}>`;
  const typed = value.element === resultType.element && sameShape(value.shape, resultType.shape);
  return `dense<${formatElements(value)}>${typed ? "" : ` : ${formatType(value)}`}`;
}

/** Adds a tensor under a free name. */
function store(value: Tensor, key: string, externals: Map<string, Tensor>): string {
  let free = key;
  for (let i = 1; externals.has(free); i++) free = `${key}_${i}`;
  externals.set(free, value);
  return free;
}

/** Alias by the text of its quantization. */
function aliasesOf(graphs: readonly Graph[]): Map<string, string> {
  const uses = new Map<string, number>();
  for (const { type } of graphs.flatMap((graph) => graph.values)) {
    if (type.quantization === undefined) continue;
    const text = formatQuantization(type.quantization);
    uses.set(text, (uses.get(text) ?? 0) + 1);
  }
  const chosen = [...uses].filter(([text, count]) => text.length > longestInline || count > mostInlineUses);
  return new Map(chosen.map(([text], i) => [text, `#q${i}`]));
}
