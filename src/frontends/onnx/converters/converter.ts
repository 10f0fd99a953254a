/**
 * One row an ONNX operator. A row holds a function from the node to what its outputs are, a value of the graph or a tensor where
 * the result is known at compile time, and says for which operator sets. The common kinds of rows are made by the functions here, so that an operator of
 * one element is `Name: since(1, unary(operator))`.
 */
import type { Value } from "../../../ir/graph.ts";
import type { OpDefinition, TypedOp } from "../../../ir/operation.ts";
import type { AttributeInput, AttributeSpec } from "../../../ir/attributes.ts";
import type { add } from "../../../ops/add.ts";
import type { NodeView } from "../node-view.ts";
import type { Converted } from "../operand.ts";

/** Gives the first output, or a list of outputs. Ends with a diagnostic where the node cannot be expressed. */
export type Converter = (node: NodeView) => Converted | readonly Converted[];

export interface ConverterRow {
  readonly convert: Converter;
  /** The operator set that brought the operator; all since then are understood, each with its own meaning. */
  readonly since: number;
  /** The last one that had it, where later ones have it no more. */
  readonly until?: number;
  /** For docs/operators.md: what changed from version to version, what is declined. */
  readonly remark?: string;
  /** What a pass makes of the formula that the row writes: the operator that has the integer form. */
  readonly recognizedAs?: OpDefinition;
}

/** By operator type; those of other domains as `domain::Type`. */
export type ConverterTable = Readonly<Record<string, ConverterRow>>;

type RowFacts = Omit<ConverterRow, "since" | "convert">;

/** A row, as `Name: since(9, unary(erf))`; a text is a remark. */
export const since = (version: number, convert: Converter, facts: string | RowFacts = {}): ConverterRow => ({
  since: version,
  convert,
  ...(typeof facts === "string" ? { remark: facts } : facts),
});

type BinaryOp = typeof add;

/**
 * A function of one element. ONNX's attributes of the same names, with ONNX's defaults, are passed on:
 * `LeakyRelu: unary(leakyRelu, { alpha: 0.01 })`.
 */
export const unary =
  <const A extends Record<string, AttributeSpec>>(
    definition: TypedOp<readonly ["input"], A>,
    defaults: AttributeInput<A> = {},
  ): Converter =>
  (node) => {
    const { attributes } = node;
    const given = Object.entries(defaults).map(([name, fallback]): [string, unknown] => [
      name,
      (typeof fallback === "string" ? attributes.string(name) : attributes.float(name)) ?? fallback,
    ]);
    return node.create(definition, { input: node.value(0) }, Object.fromEntries(given) as AttributeInput<A>);
  };

/** A function of two elements, with numpy's broadcasting or the older one. */
export const binary =
  (definition: BinaryOp): Converter =>
  (node) => {
    const [lhs, rhs] = broadcastOperands(node);
    return node.create(definition, { lhs, rhs }, {});
  };

/** An associative function of any number of operands, from left to right. */
export const variadic =
  (definition: BinaryOp): Converter =>
  (node) => {
    return node.operands
      .map((_, index) => node.value(index))
      .reduce((lhs, rhs) => node.create(definition, { lhs, rhs }, {}));
  };

/**
 * Both operands as values. Before operator set 7 broadcasting had to be asked for, and `axis` said where the axes of the second
 * operand belong: a reshape that appends axes of extent 1 says the same in today's rules.
 */
export function broadcastOperands(node: NodeView): [Value, Value] {
  const { attributes } = node;
  const operands: [Value, Value] = [node.value(0), node.value(1)];
  if (node.opset >= 7) return operands;
  const axis = attributes.int("axis");
  if (attributes.flag("broadcast") !== true || axis === undefined) return operands;
  const [lhs, rhs] = [node.shape(0), node.shape(1)];
  const behind = lhs.length - (axis < 0 ? axis + lhs.length : axis) - rhs.length;
  if (behind < 0)
    node.fail("onnx-axis", `broadcasts [${rhs.join(", ")}] at axis ${axis} of [${lhs.join(", ")}]`);
  return [operands[0], node.reshape(operands[1], [...rhs, ...Array<number>(behind).fill(1)])];
}
