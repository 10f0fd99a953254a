/**
 * Writes a graph as an ONNX model, a fake-quantized one with QuantizeLinear and DequantizeLinear pairs (QDQ): for viewers, and for
 * runtimes that shall compute in reals what the integer network computes in integers.
 *
 * Values keep their names, inputs and outputs those of the model that was read, with its shapes and its order of axes. An operation is
 * written by its row of writers/; what cannot be written is named, all of it at once. Of integers narrower than a byte the file has
 * the bytes: the same numbers.
 */
import { DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { inversePermutation, permuteShape } from "../../src/tensor/transpose.ts";
import { ModelBuilder } from "./model-builder.ts";
import { plainOrder, Tensors, type Written } from "./tensors.ts";
import { writers } from "./writers/index.ts";
import type { Writer } from "./writers/writer.ts";

export interface OnnxExportOptions {
  /** What inputs and outputs are called, in their order: the graph's own names unless given. */
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  /** The compiler's, for the file to name. */
  readonly version: string;
}

export interface OnnxExport {
  readonly bytes: Uint8Array;
  /** Which tensor of the file stands for a value, by the value's name; of constants there may be several, and none is here. */
  readonly tensors: ReadonlyMap<string, Written>;
}

/** @throws DiagnosticError `onnx-export` for each operation, and each scale, that ONNX cannot express */
export function exportOnnx(graph: Graph, options: OnnxExportOptions): OnnxExport {
  const inputs = options.inputs ?? graph.inputs.map(({ name }) => name);
  const outputs = options.outputs ?? graph.outputs.map(({ name }) => name);
  const builder = new ModelBuilder([...inputs, ...outputs]);
  const tensors = new Tensors(builder);
  graph.inputs.forEach((input, i) => {
    builder.input(inputs[i]!, input.type.element, input.type.shape);
    tensors.put(input, { name: inputs[i]!, order: plainOrder(input.type) });
  });
  const problems: Diagnostic[] = [];
  const collect = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      problems.push(...error.diagnostics);
    }
  };
  for (const operation of graph.operations) {
    const { result } = operation;
    if (isKnown(result)) continue;
    // What is read by others has a name, whether it could be written or not: those others may have problems of their own.
    tensors.put(result, { name: result.name, order: plainOrder(result.type) });
    collect(() => {
      tensors.put(result, write(operation, builder, tensors));
    });
  }
  graph.outputs.forEach((output, i) => {
    collect(() => {
      builder.output(tensors.named(output, plainOrder(output.type)), outputs[i]!);
    });
  });
  if (problems.length > 0) throw new DiagnosticError(problems);
  const written = graph.values.flatMap((value): [string, Written][] => {
    const home = tensors.home(value);
    return home === undefined ? [] : [[value.name, { ...home, name: builder.finalName(home.name) }]];
  });
  return { bytes: builder.encode(graph.name, options.version), tensors: new Map(written) };
}

/** Constants, real or stored, are written where they are read. */
const isKnown = (value: Value): boolean =>
  isConstant(value) || (value.producer?.definition === dequantize && isConstant(value.producer.operands[0]!));

function write(operation: Operation, builder: ModelBuilder, tensors: Tensors): Written {
  const { definition, operands, attributes, result, origin } = operation;
  const failure = (message: string, help: string): never =>
    fail("onnx-export", message, {
      subject: origin ?? `%${result.name}`,
      ...(operation.span === undefined ? {} : { span: operation.span }),
      help,
    });
  const row = writers.get(definition);
  if (row === undefined)
    return failure(
      `'${definition.name}' cannot be written as ONNX`,
      "leave out the target onnx, or express it by operators that docs/onnx-export.md lists",
    );
  const transposed = row.plain === true ? undefined : transposedForm(operation, tensors);
  const reads = (index: number): readonly number[] =>
    transposed !== undefined && index < transposed.operands
      ? transposed.order
      : plainOrder(operands[index]!.type);
  const nodeOutput: Writer["nodeOutput"] = (opType, inputs, given, output) =>
    builder.node(opType, inputs, { name: result.name, attributes: given, remark: origin, output });
  const writer: Writer = {
    operation,
    attributes: transposed?.attributes ?? attributes,
    tensors,
    order: transposed?.order ?? (operands.length === 0 ? [] : plainOrder(operands[0]!.type)),
    value: (index) => operands[index]!,
    operand: (index, order = reads(index)) => tensors.named(operands[index]!, order),
    node: (opType, inputs, given = {}) => nodeOutput(opType, inputs, given, 0),
    nodeOutput,
    constant: (role, value) => builder.initializer(`${result.name}_${role}`, value),
    fail: failure,
  };
  const made = row.write(writer);
  const written =
    typeof made === "string" ? { name: made, order: transposed?.result ?? plainOrder(result.type) } : made;
  builder.describe(written.name, result.type.element, permuteShape(result.type.shape, written.order));
  return written;
}

interface TransposedForm {
  /** Of the operands. */
  readonly order: readonly number[];
  /** How many operands, from the first, have it. */
  readonly operands: number;
  readonly attributes: Operation["attributes"];
  /** The result's order. */
  readonly result: readonly number[];
}

/** The operation on operands in the order of the first computed one, where its rule allows that. */
function transposedForm(
  { definition, operands, attributes }: Operation,
  tensors: Tensors,
): TransposedForm | undefined {
  const order = operands.map((operand) => tensors.home(operand)).find((home) => home !== undefined)?.order;
  if (definition.permute === undefined || order === undefined) return undefined;
  const permuted = definition.permute(attributes, inversePermutation(order));
  const count = permuted.operands ?? operands.length;
  // A constant of fewer axes is written with those in front that it lacks; a computed value cannot be.
  const fits = operands
    .slice(0, count)
    .every((operand) =>
      tensors.home(operand) === undefined
        ? operand.type.shape.length <= order.length
        : operand.type.shape.length === order.length,
    );
  if (!fits) return undefined;
  return {
    order,
    operands: count,
    attributes: permuted.attributes,
    result: inversePermutation(permuted.permutation),
  };
}
