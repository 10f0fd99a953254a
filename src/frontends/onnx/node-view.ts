/**
 * A node as its converter sees it: inputs resolved to what they stand for, typed attributes, the version of its operator set,
 * and the graph to build in. Everything built carries the node as its origin and a name derived from the node's output.
 */
import { fail, type Diagnostic, type DiagnosticDetails } from "../../diagnostics/diagnostic.ts";
import { diagnostic } from "../../diagnostics/diagnostic.ts";
import type { AttributeInput, AttributeSpec } from "../../ir/attributes.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import type { TensorType } from "../../ir/types.ts";
import type { OperandsOf, TypedOp } from "../../ir/operation.ts";
import { reshape } from "../../ops/reshape.ts";
import { transpose } from "../../ops/transpose.ts";
import { elementCount, tensor, type Tensor } from "../../tensor/tensor.ts";
import { isIdentityPermutation } from "../../tensor/transpose.ts";
import { attributeReader, type AttributeReader } from "./attribute-reader.ts";
import { arrange, requireFinite, type ConstantPool, type Layout } from "./constant-pool.ts";
import { describeNode } from "./decode.ts";
import type { OnnxGraph, OnnxNode } from "./model.ts";
import { contentOf, isKnown, shapeOf, type Converted, type Operand } from "./operand.ts";

export interface NodeView {
  readonly node: OnnxNode;
  /** Version of the node's operator set. */
  readonly opset: number;
  readonly attributes: AttributeReader;
  /** By position; undefined where an optional input is absent. */
  readonly operands: readonly (Operand | undefined)[];
  /** The results built so far. */
  readonly created: Set<Value>;

  /** Ends the conversion of this node. */
  fail(code: string, message: string, details?: DiagnosticDetails): never;
  /** Something the user should know, though it is no fault. */
  warn(code: string, message: string): void;

  has(index: number): boolean;
  /** An input, or a diagnostic that it is missing. */
  operand(index: number): Operand;
  shape(index: number): readonly number[];
  /** As a value of the graph: what is known becomes a constant. */
  value(index: number): Value;
  /** Likewise, in another layout, and finite if known. */
  weight(index: number, layout?: Layout): Value;
  /** A tensor known at compile time; `role` names it in the diagnostic that it is not ("axes"). */
  known(index: number, role: string): Tensor;

  /** Accounts for the elements of a constant that is computed at import; refuses shapes beyond all reason. */
  reserve(shape: readonly number[]): number;
  create<const O extends readonly string[], const A extends Record<string, AttributeSpec>>(
    definition: TypedOp<O, A>,
    operands: OperandsOf<O, Value>,
    attributes: AttributeInput<A>,
    /** The result's, where operands do not determine it. */
    type?: TensorType,
  ): Value;
  /** The same node with other inputs and, unless it is of ONNX's own, read by the rules of another operator set. */
  withOperands(operands: readonly (Operand | undefined)[], opset?: number): NodeView;
  constant(content: Tensor, name: string): Value;
  /** What the outputs of a subgraph stand for, whose nodes are converted in the place of this one. */
  inline(subgraph: OnnxGraph): readonly Converted[];
  /** Another shape or order of axes for a value or a known tensor; itself where that changes nothing. */
  reshape(content: Value, shape: readonly number[]): Value;
  reshape(content: Converted, shape: readonly number[]): Converted;
  transpose(content: Value, permutation: readonly number[]): Value;
  transpose(content: Converted, permutation: readonly number[]): Converted;
}

export interface NodeContext {
  readonly graph: Graph;
  readonly pool: ConstantPool;
  readonly opset: number;
  readonly notes: Diagnostic[];
  /** Elements of all constants computed so far. */
  readonly folded: { elements: number };
  /** Converts a subgraph of the node. */
  readonly inline: (subgraph: OnnxGraph) => readonly Converted[];
  /** The view of the same node whose attributes and results this one shares. */
  readonly shared?: NodeView;
}

/** Beyond this no memory plan of a small machine goes, and products of extents stay exact. */
const maxElements = 2 ** 31 - 1;
const maxRank = 32;
/** Far beyond any shape arithmetic, far below what hurts: a few nodes could ask for terabytes. */
export const maxFoldedElements = 2 ** 24;

export function nodeView(
  node: OnnxNode,
  operands: readonly (Operand | undefined)[],
  { graph, pool, opset, notes, folded, inline, shared }: NodeContext,
): NodeView {
  const origin = describeNode(node);
  const stem = node.outputs.find((name) => name !== "") ?? node.opType;
  const created = shared?.created ?? new Set<Value>();

  function requireSize(shape: readonly number[]): void {
    if (shape.length > maxRank)
      view.fail("onnx-rank", `gives a tensor of ${shape.length} axes, more than the limit of ${maxRank}`);
    if (elementCount(shape) > maxElements)
      view.fail(
        "onnx-too-large",
        `gives a tensor [${shape.join(", ")}] of more than ${maxElements} elements`,
      );
  }

  const view: NodeView = {
    node,
    opset,
    attributes: shared?.attributes ?? attributeReader(node),
    operands,
    created,

    fail: (code, message, details = {}) =>
      fail(code, `'${node.opType}' ${message}`, { subject: origin, ...details }),
    warn(code, message) {
      notes.push(diagnostic("warning", code, `'${node.opType}' ${message}`, { subject: origin }));
    },

    has: (index) => operands[index] !== undefined,
    operand: (index) =>
      operands[index] ??
      view.fail("onnx-missing-input", `lacks input ${index}`, {
        help: "export the model again, or check it with onnx.checker",
      }),
    shape: (index) => shapeOf(view.operand(index)),
    value(index) {
      const operand = view.operand(index);
      return isKnown(operand) ? pool(operand) : operand.value;
    },
    weight(index, layout = {}) {
      const operand = view.operand(index);
      if (isKnown(operand)) {
        requireFinite(operand);
        return pool(operand, layout);
      }
      const shaped = layout.shape === undefined ? operand.value : view.reshape(operand.value, layout.shape);
      return layout.permutation === undefined ? shaped : view.transpose(shaped, layout.permutation);
    },
    known(index, role) {
      const operand = view.operand(index);
      if (isKnown(operand)) return operand.tensor;
      return view.fail("onnx-not-constant", `computes its ${role} ("${operand.name}"), expected a constant`, {
        help: "memory is planned at compile time, so shapes must not depend on data: export with constant shapes",
      });
    },

    reserve(shape) {
      requireSize(shape);
      const count = elementCount(shape);
      folded.elements += count;
      if (folded.elements <= maxFoldedElements) return count;
      return view.fail(
        "onnx-too-large",
        `computes a constant of ${count} elements, which makes more than ${maxFoldedElements} in all`,
        { help: "store large constants as initializers" },
      );
    },
    create(definition, inputs, attributes, type) {
      const { result } = graph.create(definition, inputs, attributes, {
        name: `${stem}_${definition.name}`,
        origin,
        ...(type === undefined ? {} : { type }),
      });
      requireSize(result.type.shape);
      created.add(result);
      return result;
    },
    withOperands: (others, version = opset) =>
      nodeView(node, others, { graph, pool, opset: version, notes, folded, inline, shared: view }),
    inline,
    constant: (content, name) => pool({ name: `${stem}_${name}`, tensor: content, initializer: false }),
    reshape: ((content: Converted, shape: readonly number[]): Converted => {
      requireSize(shape);
      if ("data" in content)
        return elementCount(shape) === content.data.length
          ? tensor(content.element, shape, content.data)
          : view.fail(
              "operand-shape",
              `gives [${content.shape.join(", ")}] the shape [${shape.join(", ")}], expected as many elements`,
            );
      if (content.type.shape.join() === shape.join()) return content;
      return view.create(reshape, { input: content }, { shape });
    }) as NodeView["reshape"],
    transpose: ((content: Converted, permutation: readonly number[]): Converted => {
      if ("data" in content) {
        view.reserve(content.shape);
        return arrange(content, { permutation });
      }
      if (isIdentityPermutation(permutation) && permutation.length === content.type.shape.length)
        return content;
      return view.create(transpose, { input: content }, { permutation });
    }) as NodeView["transpose"],
  };
  return view;
}

/** What an input holds, value or tensor. */
export const contentAt = (view: NodeView, index: number): Converted => contentOf(view.operand(index));

/** `axis` counted from the end if negative; ends with a diagnostic unless it is one of `rank`. */
export function axisAt(view: NodeView, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
  return view.fail("onnx-axis", `has axis ${axis}, expected one of ${rank} axes`);
}
