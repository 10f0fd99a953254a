/**
 * The verifier. What holds for every graph between passes:
 *
 *  1. every operand is an input or the result of an earlier operation of the same graph;
 *  2. every operation's operand count, attributes and result type are what its definition infers;
 *  3. `users` names exactly the operations that read a value;
 *  4. names are unique, outputs are defined;
 *  5. only constants hold integers of less than a byte: memory that is written has whole bytes;
 *  6. state is carried from an output to an input of its type, to each input from one output and from each output to one;
 *  7. quantized types are integers, with one scale and zero point per slice, finite positive scales, zero points in range.
 */
import { DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { elementRange, isBigInteger, isInteger, isNarrow } from "../tensor/element-type.ts";
import type { Graph, Operation, Value } from "./graph.ts";
import { inferType } from "./graph.ts";
import { formatType, sameType, type TensorType } from "./types.ts";

/** All problems of a graph; empty when it is sound. */
export function verify(graph: Graph): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const defined = new Set<Value>();
  const names = new Set<string>();
  const report = (code: string, message: string, operation?: Operation): void => {
    problems.push({
      code,
      severity: "error",
      message,
      notes: [],
      ...(operation?.span === undefined ? {} : { span: operation.span }),
      ...(operation?.origin === undefined ? {} : { subject: operation.origin }),
    });
  };
  const define = (value: Value, operation?: Operation): void => {
    if (names.has(value.name)) report("duplicate-name", `%${value.name} is defined twice`, operation);
    names.add(value.name);
    defined.add(value);
    const flaw = typeFlaw(value.type);
    if (flaw !== undefined) report("type", `%${value.name}: ${formatType(value.type)} ${flaw}`, operation);
    if (isNarrow(value.type.element) && operation?.definition.value === undefined)
      report(
        "type",
        `%${value.name}: ${formatType(value.type)} is no constant, expected elements of 8 bits or more`,
        operation,
      );
  };

  for (const input of graph.inputs) define(input);
  for (const operation of graph.operations) {
    for (const operand of operation.operands) {
      if (!defined.has(operand))
        report(
          "use-before-definition",
          `'${operation.definition.name}' reads %${operand.name} before it is defined`,
          operation,
        );
      if (!operand.users.has(operation))
        report("users", `%${operand.name} does not know its user %${operation.result.name}`, operation);
    }
    try {
      const types = operation.operands.map((v) => v.type);
      inferType(operation.definition, types, operation.attributes, operation.result.type, operation);
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      problems.push(...error.diagnostics);
    }
    define(operation.result, operation);
  }
  for (const output of graph.outputs)
    if (!defined.has(output)) report("undefined-output", `output %${output.name} is not defined`);
  for (const { input, output } of graph.carried) {
    if (!graph.inputs.includes(input)) report("carried", `%${input.name} is carried but no input`);
    if (graph.outputs.filter((value) => value === output).length !== 1)
      report("carried", `%${output.name} is carried to %${input.name} but is not one output`);
    if (!sameType(input.type, output.type))
      report(
        "carried",
        `%${output.name}: ${formatType(output.type)} is carried to %${input.name}, expected ${formatType(input.type)}`,
      );
  }
  const operations = new Set(graph.operations);
  for (const value of graph.values)
    for (const user of value.users)
      if (!operations.has(user) || !user.operands.includes(value))
        report("users", `%${value.name} has a user that does not read it`);
  return problems;
}

/** Why a type can be no value's, or undefined. */
export function typeFlaw({ shape, element, quantization }: TensorType): string | undefined {
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 0))
    return "has an extent that is not a natural number";
  if (quantization === undefined) return undefined;
  if (!isInteger(element) || element === "bool") return "is quantized but holds no integers";
  if (isBigInteger(element)) return "is quantized but holds 64-bit integers, expected at most 32 bits";
  const { scale, zero, axis } = quantization;
  const slices = axis === undefined ? 1 : shape[axis];
  if (slices === undefined) return `is quantized along axis ${axis}, which it lacks`;
  if (scale.length !== slices || zero.length !== slices)
    return `has ${scale.length} scales and ${zero.length} zero points for ${slices} slices`;
  if (!scale.every((s) => Number.isFinite(s) && s > 0)) return "has a scale that is not positive and finite";
  const { min, max } = elementRange(element);
  if (!zero.every((z) => Number.isInteger(z) && z >= min && z <= max))
    return "has a zero point outside its element's range";
  return undefined;
}
