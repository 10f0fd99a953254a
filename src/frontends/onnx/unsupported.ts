/**
 * What is said of operators without a converter: every such node at once, so that a user sees the whole distance and not its
 * first step. Beyond a number of nodes the rest is summed up by operator.
 */
import { diagnostic, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { describeNode } from "./decode.ts";
import type { OnnxNode } from "./model.ts";
import { suggest } from "../../diagnostics/suggest.ts";

const maxListed = 20;

/** Integers whose scale is computed at run time. */
const quantizing = new Set(["DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul"]);

/** What to do about families of operators that a network of fixed shapes cannot have, or that no operator set has. */
const rewrites: readonly (readonly [operators: RegExp, help: string])[] = [
  [/^(Loop|Scan)$/, "unroll it when the model is exported: how often it runs must not depend on data"],
  [
    /^(NonMaxSuppression|NonZero|Unique|Compress)$/,
    "its result's shape depends on data: let the network end before it, and do this outside",
  ],
  [
    /^(Sequence|SplitToSequence|ConcatFromSequence|Optional)/,
    "values are tensors of fixed shape: export the model without sequences and optional values",
  ],
  [
    /^ReverseSequence$/,
    "where the lengths are constants, export a Gather along the time axis with the steps in their new order",
  ],
  [/^(String|Tokenizer|TfIdf|Regex|LabelEncoder)/, "do what is done with texts outside of the network"],
  [/^(Random|Bernoulli|Multinomial)/, "a compiled network has no chance: make what this gives an input"],
  [/(Gradient|Loss|^Adam|^Adagrad|^Momentum)/, "export the model for inference, without what training needs"],
  [
    /(requant|quant|shift)/i,
    "write the rescaling as QuantizeLinear and DequantizeLinear, or as Mul, Round and Clip, which every operator set has",
  ],
];

/** The key of a node's row: its type, for other domains `domain::Type`. */
export const operatorKey = ({ domain, opType }: OnnxNode): string =>
  domain === "" ? opType : `${domain}::${opType}`;

function helpFor(node: OnnxNode, functions: readonly string[], supported: readonly string[]): string {
  const key = operatorKey(node);
  if (quantizing.has(node.opType))
    return "quantize the model statically, or give the float network it was made from: quern quantizes it itself";
  if (functions.includes(`${node.domain}::${node.opType}`))
    return "inline the model's functions first: onnx.inliner.inline_local_functions(model)";
  if (node.domain !== "") return "export the model with ONNX's own operators only";
  const meant = suggest(key, supported);
  if (meant !== undefined) return `did you mean '${meant}'?`;
  const rewrite = rewrites.find(([operators]) => operators.test(node.opType));
  return (
    rewrite?.[1] ??
    `express '${node.opType}' by operators of docs/operators.md when exporting, or add a row for it (docs/add-an-operator.md)`
  );
}

/** One diagnostic a node; `opsets` gives the version for the message. */
export function unsupportedOperators(
  nodes: readonly OnnxNode[],
  opsets: ReadonlyMap<string, number>,
  functions: readonly string[],
  supported: readonly string[],
): Diagnostic[] {
  const listed = nodes.slice(0, maxListed).map((node) => {
    const domain = node.domain === "" ? "ai.onnx" : node.domain;
    const message = `the operator '${node.opType}' (${domain} ${opsets.get(node.domain) ?? 0}) is not supported`;
    return diagnostic("error", "onnx-unsupported-operator", message, {
      subject: describeNode(node),
      help: helpFor(node, functions, supported),
    });
  });
  const rest = nodes.slice(maxListed);
  if (rest.length === 0) return listed;
  const counts = new Map<string, number>();
  for (const node of rest) counts.set(operatorKey(node), (counts.get(operatorKey(node)) ?? 0) + 1);
  const summary = [...counts].map(([key, count]) => `${count} of ${key}`).join(", ");
  return [
    ...listed,
    diagnostic("error", "onnx-more-problems", `${rest.length} more nodes are not supported: ${summary}`),
  ];
}
