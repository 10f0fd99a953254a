/**
 * An operator as its converter sees it: inputs as reals of the graph or as known tensors, typed options, and the graph to build in. What
 * is stored in integers is seen through `dequantize`, so that converters deal in reals alone.
 */
import { diagnostic, fail, type Diagnostic, type DiagnosticDetails } from "../../diagnostics/diagnostic.ts";
import type { AttributeInput, AttributeSpec } from "../../ir/attributes.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import type { OperandsOf, TypedOp } from "../../ir/operation.ts";
import { constantOperandOf, createConstantOperand } from "../../ops/constant-operand.ts";
import { reshape } from "../../ops/reshape.ts";
import { elementCount, saturatedNumbersOf, type Tensor } from "../../tensor/tensor.ts";
import { transposeTensor, inversePermutation } from "../../tensor/transpose.ts";
import type { TfliteOperator, TfliteTensor } from "./decode.ts";
import { scalarField } from "./flatbuffer-view.ts";
import { activations, paddings } from "./schema.ts";

export interface OperatorView {
  readonly operator: TfliteOperator;
  readonly count: number;
  fail(code: string, message: string, details?: DiagnosticDetails): never;
  warn(code: string, message: string): void;
  has(index: number): boolean;
  /** What the file says of an input or an output. */
  input(index: number): TfliteTensor;
  output(index: number): TfliteTensor;
  /** An input as reals. */
  value(index: number): Value;
  /** A constant input with its axes in another order, stored if it is stored. */
  weight(index: number, permutation: readonly number[]): Value;
  /** The numbers of a constant input; `role` names it. */
  known(index: number, role: string): readonly number[];
  int(field: number, fallback?: number): number;
  byte(field: number): number;
  float(field: number, fallback: number): number;
  padding(field: number): (typeof paddings)[number];
  activation(field: number): (typeof activations)[number];
  create<const O extends readonly string[], const A extends Record<string, AttributeSpec>>(
    definition: TypedOp<O, A>,
    operands: OperandsOf<O, Value>,
    attributes: AttributeInput<A>,
  ): Value;
  reshape(value: Value, shape: readonly number[]): Value;
  constant(contents: Tensor, name: string): Value;
}

export interface OperatorContext {
  readonly graph: Graph;
  readonly tensors: readonly TfliteTensor[];
  readonly notes: Diagnostic[];
  /** The reals a tensor stands for. */
  readonly realOf: (index: number, view: OperatorView) => Value;
}

export const describeOperator = ({ index, name }: TfliteOperator): string => `operator #${index} (${name})`;

export function operatorView(operator: TfliteOperator, context: OperatorContext): OperatorView {
  const { graph, tensors, notes, realOf } = context;
  const { options, inputs, outputs, name } = operator;
  const origin = describeOperator(operator);
  const at = (list: readonly number[], index: number, what: string): TfliteTensor => {
    const tensor = tensors[list[index] ?? -1];
    return tensor ?? view.fail("tflite-operator", `lacks ${what} ${index}`);
  };
  const named = <Words extends readonly string[]>(
    words: Words,
    number: number,
    what: string,
  ): Words[number] => words[number] ?? view.fail("tflite-operator", `has the ${what} ${number}`);
  const view: OperatorView = {
    operator,
    count: inputs.length,
    fail: (code, message, details = {}) =>
      fail(code, `'${name}' ${message}`, { subject: origin, ...details }),
    warn(code, message) {
      notes.push(diagnostic("warning", code, `'${name}' ${message}`, { subject: origin }));
    },
    has: (index) => (inputs[index] ?? -1) !== -1,
    input: (index) => at(inputs, index, "input"),
    output: (index) => at(outputs, index, "output"),
    value: (index) => realOf(view.input(index).index, view),
    weight(index, permutation) {
      const value = view.value(index);
      const known = constantOperandOf(value);
      if (known === undefined)
        return view.fail("tflite-not-constant", `computes its input ${index}, expected a constant`);
      if (known.contents.shape.length !== permutation.length)
        view.fail(
          "operand-shape",
          `has input ${index} [${known.contents.shape.join(", ")}] of rank ${known.contents.shape.length}, expected ${permutation.length}`,
        );
      if (permutation.every((axis, i) => axis === i)) return value;
      const axis = known.quantization?.axis;
      return createConstantOperand(
        graph,
        {
          contents: transposeTensor(known.contents, permutation),
          ...(known.quantization === undefined
            ? {}
            : {
                quantization:
                  axis === undefined
                    ? known.quantization
                    : { ...known.quantization, axis: inversePermutation(permutation)[axis]! },
              }),
        },
        { name: view.input(index).name, origin },
      );
    },
    known(index, role) {
      const { contents, name: of } = view.input(index);
      if (contents !== undefined) return Array.from(saturatedNumbersOf(contents));
      return view.fail("tflite-not-constant", `computes its ${role} ("${of}"), expected a constant`, {
        help: "memory is planned at compile time, so shapes must not depend on data",
      });
    },
    int: (field, fallback = 0) =>
      options === undefined ? fallback : scalarField(options, field, "i32", fallback),
    byte: (field) => (options === undefined ? 0 : scalarField(options, field, "u8")),
    float: (field, fallback) =>
      options === undefined ? fallback : scalarField(options, field, "f32", fallback),
    padding: (field) => named(paddings, view.byte(field), "padding"),
    activation: (field) => named(activations, view.byte(field), "activation"),
    create(definition, operands, attributes) {
      const { result } = graph.create(definition, operands, attributes, {
        name: `${view.output(0).name}_${definition.name}`,
        origin,
      });
      if (elementCount(result.type.shape) >= 2 ** 31)
        view.fail("tflite-limit", `gives [${result.type.shape.join(", ")}], more elements than 2^31`);
      return result;
    },
    reshape(value, shape) {
      if (value.type.shape.join() === shape.join()) return value;
      return view.create(reshape, { input: value }, { shape });
    },
    constant: (contents, suffix) =>
      createConstantOperand(graph, { contents }, { name: `${view.output(0).name}_${suffix}`, origin }),
  };
  return view;
}
