/**
 * What a name of the model stands for during conversion: a tensor known at compile time (an initializer, or the result of shape
 * arithmetic), or a value the graph computes.
 */
import type { Value } from "../../ir/graph.ts";
import type { ElementType } from "../../tensor/element-type.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type Operand = KnownOperand | ComputedOperand;

export interface KnownOperand {
  /** As the model calls it. */
  readonly name: string;
  readonly tensor: Tensor;
  /** It stands in the file; false for what was folded. */
  readonly initializer: boolean;
}

export interface ComputedOperand {
  readonly name: string;
  readonly value: Value;
}

/** What a converter gives for an output. */
export type Converted = Value | Tensor;

export const isKnown = (operand: Operand): operand is KnownOperand => "tensor" in operand;

export const isTensor = (converted: Converted): converted is Tensor => "data" in converted;

export const contentOf = (operand: Operand): Converted => (isKnown(operand) ? operand.tensor : operand.value);

const typeOf = (operand: Operand): { readonly shape: readonly number[]; readonly element: ElementType } =>
  isKnown(operand) ? operand.tensor : operand.value.type;

export const shapeOf = (operand: Operand): readonly number[] => typeOf(operand).shape;

export const elementOf = (operand: Operand): ElementType => typeOf(operand).element;

/** `initializer "w", f32[8, 3, 3, 3]`: how diagnostics call an operand. */
export function describeOperand(operand: Operand): string {
  const kind = !isKnown(operand) ? "" : operand.initializer ? "initializer " : "constant ";
  return `${kind}"${operand.name}", ${elementOf(operand)}[${shapeOf(operand).join(", ")}]`;
}
