/** One row a TFLite operator: a function from the operator to its results as reals, and what rows share. */
import type { OpDefinition, TypedOp } from "../../../ir/operation.ts";
import type { AttributeInput, AttributeSpec } from "../../../ir/attributes.ts";
import type { Value } from "../../../ir/graph.ts";
import { clip } from "../../../ops/clip.ts";
import { relu } from "../../../ops/relu.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { OperatorView } from "../operator-view.ts";

/** Gives the first output, or a list of outputs. Ends with a diagnostic where the operator cannot be expressed. */
export type Converter = (view: OperatorView) => Value | readonly Value[];

export type ConverterTable = Readonly<Record<string, Converter>>;

type UnaryOp<A extends Record<string, AttributeSpec>> = TypedOp<readonly ["input"], A>;

export const unary =
  <const A extends Record<string, AttributeSpec>>(
    definition: UnaryOp<A>,
    attributes: AttributeInput<A> = {},
  ): Converter =>
  (view) =>
    view.create(definition, { input: view.value(0) }, attributes);

/** Two operands with broadcasting, and the activation at a field of the options, if the operator has one. */
export const binary =
  (definition: OpDefinition, activationField?: number): Converter =>
  (view) => {
    const result = view.create(definition, { lhs: view.value(0), rhs: view.value(1) }, {});
    return activationField === undefined ? result : activated(view, result, activationField);
  };

/** The fused activation behind a result. */
export function activated(view: OperatorView, input: Value, field: number): Value {
  const activation = view.activation(field);
  switch (activation) {
    case "NONE":
      return input;
    case "RELU":
      return view.create(relu, { input }, {});
    case "RELU6":
      return view.create(clip, { input }, { min: 0, max: 6 });
    case "RELU_N1_TO_1":
      return view.create(clip, { input }, { min: -1, max: 1 });
    case "TANH":
      return view.create(tanh, { input }, {});
    case "SIGN_BIT":
      return view.fail("tflite-operator", "has the fused activation SIGN_BIT, which is not supported");
  }
}

/** An axis counted from the end if negative. */
export function axisOf(view: OperatorView, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
  return view.fail("tflite-operator", `has axis ${axis}, expected one of ${rank}`);
}
