/**
 * What a row of the writers is: the counterpart of a converter's row in the front end. It says how one operation is written in ONNX's
 * operators. For an operator that ONNX has with the same operands and attributes that is `row(tanh, same("Tanh"))`.
 */
import type { Attributes, AttributesOf, AttributeSpec } from "../../../src/ir/attributes.ts";
import type { Operation, Value } from "../../../src/ir/graph.ts";
import type { OpDefinition, TypedOp } from "../../../src/ir/operation.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { onnxAttribute, type OnnxAttribute, type OnnxAttributes } from "../attributes.ts";
import type { Tensors, Written } from "../tensors.ts";

/** One operation, while it is written. */
export interface Writer {
  readonly operation: Operation;
  /** The operation's attributes, or those that it has on transposed operands. */
  readonly attributes: Attributes;
  readonly tensors: Tensors;
  /** The order of the axes that operands come in, where the operator works on transposed ones: their plain order for others. */
  readonly order: readonly number[];
  value(index: number): Value;
  /** The name of an operand's tensor, in the order above or another. */
  operand(index: number, order?: readonly number[]): string;
  /** Adds a node; the last one of a row makes the result. */
  node(opType: string, inputs: readonly string[], attributes?: OnnxAttributes): string;
  /** The output of that number of a node with several. */
  nodeOutput(opType: string, inputs: readonly string[], attributes: OnnxAttributes, output: number): string;
  constant(role: string, value: Tensor): string;
  fail(message: string, help: string): never;
}

export interface Row {
  readonly definition: OpDefinition;
  /** Reads operands in their plain order though the operator works on transposed ones. */
  readonly plain?: boolean;
  /** Gives the result's tensor: its name alone where it has the order that the operator's own rule of transposed operands tells. */
  write(writer: Writer): string | Written;
}

/** The row of one operator, with its attributes as it has them, those of transposed operands where they come transposed. */
export const row = <const O extends readonly string[], const A extends Record<string, AttributeSpec>>(
  definition: TypedOp<O, A>,
  write: (writer: Writer, attributes: AttributesOf<A>) => string | Written,
): Row => ({
  definition,
  // The graph checked attributes when the operation was made.
  write: (writer) => write(writer, writer.attributes as AttributesOf<A>),
});

/** An operator of ONNX with the same operands, and the same attributes under the same names. */
export const same =
  (opType: string) =>
  (writer: Writer): string => {
    const { attrs } = writer.operation.definition;
    const written = Object.entries(writer.attributes).map(([name, value]): [string, OnnxAttribute] => [
      name,
      onnxAttribute(attrs[name]!, value),
    ]);
    return writer.node(opType, allOperands(writer), Object.fromEntries(written));
  };

export const allOperands = (writer: Writer): string[] =>
  writer.operation.operands.map((_, index) => writer.operand(index));

/** For rows that put axes of their operands where they want them. */
export const inPlainOrder = (plain: Row): Row => ({ ...plain, plain: true });
