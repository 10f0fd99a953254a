/**
 * The TFLite front end: bytes in, a graph of ours out.
 *
 *   decode → inputs → convert every operator that an output depends on → outputs
 *
 * Converters deal in reals. Where the file says that a tensor is stored in integers, its value goes through a quantization and is read
 * through a dequantization: the result is a fake-quantized graph, as from ONNX with QuantizeLinear nodes. Integer inputs and
 * outputs of the model stay integers. A model whose activations are real and whose weights are stored is a real model.
 *
 * An operator that fails poisons what depends on it and no more, so that independent problems are reported together.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { suggest } from "../../diagnostics/suggest.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import type { PortNames } from "../../ir/ports.ts";
import { perTensor, tensorType, type Quantization } from "../../ir/types.ts";
import { createConstantOperand } from "../../ops/constant-operand.ts";
import { dequantize } from "../../ops/dequantize.ts";
import { quantize } from "../../ops/quantize.ts";
import { elementRange, type ElementType } from "../../tensor/element-type.ts";
import { converters } from "./converters/index.ts";
import { decodeTflite, type TfliteModel, type TfliteOperator, type TfliteTensor } from "./decode.ts";
import { describeOperator, operatorView, type OperatorView } from "./operator-view.ts";

export interface TfliteImportOptions {
  /** The file's name, for diagnostics. */
  readonly file?: string;
}

export interface ImportedTflite {
  readonly graph: Graph;
  readonly ports: PortNames;
  /** What the user should know. No errors. */
  readonly notes: readonly Diagnostic[];
}

/**
 * Reads a .tflite file.
 *
 * @throws DiagnosticError of `decodeTflite`; tflite-unsupported-operator with all such operators; else all of tflite-not-constant,
 *   tflite-operator, tflite-quantization, tflite-shape, tflite-tensor, and those of the operators' type rules
 */
export function importTflite(bytes: Uint8Array, { file }: TfliteImportOptions = {}): ImportedTflite {
  try {
    return convertModel(decodeTflite(bytes));
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    throw new DiagnosticError(error.diagnostics.map((problem) => inFile(problem, file)));
  }
}

/** With the file's name, and with something to do about what only says what was expected. */
function inFile(problem: Diagnostic, file: string | undefined): Diagnostic {
  const subject = file === undefined ? problem.subject : [problem.subject, file].filter(Boolean).join(" of ");
  return {
    help: "convert the model again: the file is damaged, or was made by a faulty tool",
    ...problem,
    ...(subject === undefined ? {} : { subject }),
  };
}

const storedElements: readonly ElementType[] = ["i8", "u8", "i16", "i32"];

interface Conversion {
  readonly model: TfliteModel;
  readonly graph: Graph;
  readonly notes: Diagnostic[];
  /** What tensors stand for: reals, and the integers behind them where they are stored. */
  readonly reals: Map<number, Value>;
  readonly stored: Map<number, Value>;
  readonly failed: Set<number>;
}

function convertModel(model: TfliteModel): ImportedTflite {
  const operators = liveOperators(model);
  requireOperators(operators);
  const graph = new Graph(model.name === "" ? "main" : model.name);
  const conversion: Conversion = {
    model,
    graph,
    notes: [],
    reals: new Map(),
    stored: new Map(),
    failed: new Set(),
  };
  const problems: Diagnostic[] = [];
  const collect = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      problems.push(...error.diagnostics);
    }
  };
  for (const index of model.inputs)
    collect(() => {
      addInput(conversion, model.tensors[index]!);
    });
  for (const operator of operators)
    collect(() => {
      convertOperator(conversion, operator);
    });
  if (problems.length > 0) throw new DiagnosticError(problems);
  setOutputs(conversion);
  const namesOf = (indices: readonly number[]): string[] => indices.map((i) => model.tensors[i]!.name);
  const ports = { inputs: namesOf(model.inputs), outputs: namesOf(model.outputs) };
  return { graph, ports, notes: conversion.notes };
}

/** Those that some output depends on, in order. */
function liveOperators({ operators, outputs }: TfliteModel): readonly TfliteOperator[] {
  const needed = new Set(outputs);
  const live = operators.toReversed().filter((operator) => {
    if (!operator.outputs.some((index) => needed.has(index))) return false;
    for (const index of operator.inputs) needed.add(index);
    return true;
  });
  return live.reverse();
}

const mostListed = 20;

function requireOperators(operators: readonly TfliteOperator[]): void {
  const unknown = operators.filter(({ name }) => !Object.hasOwn(converters, name));
  if (unknown.length === 0) return;
  const supported = Object.keys(converters);
  const listed = unknown.slice(0, mostListed).map((operator) => {
    const meant = suggest(operator.name, supported);
    const message = `the operator '${operator.name}' is not supported`;
    return diagnostic("error", "tflite-unsupported-operator", message, {
      subject: describeOperator(operator),
      help:
        meant === undefined
          ? "rewrite this part of the network with supported operators, or convert it from ONNX"
          : `did you mean '${meant}'?`,
    });
  });
  const rest = unknown.length - listed.length;
  if (rest > 0)
    listed.push(diagnostic("error", "tflite-more-problems", `${rest} more operators are not supported`));
  throw new DiagnosticError(listed);
}

/** The quantization of a tensor that is stored in integers, undefined of others. */
function quantizationOf(tensor: TfliteTensor): Quantization | undefined {
  const { quantization, element, shape, name } = tensor;
  if (quantization === undefined || element === undefined || !storedElements.includes(element))
    return undefined;
  const { scale, zero, axis } = quantization;
  const refuse = (message: string): never =>
    fail("tflite-quantization", `tensor "${name}" ${message}`, { subject: `tensor "${name}"` });
  const wrong = scale.find((s) => !(s > 0 && Number.isFinite(s)));
  if (wrong !== undefined) return refuse(`has the scale ${wrong}, expected a positive number`);
  const { min, max } = elementRange(element);
  const beyond = zero.find((z) => !(Number.isInteger(z) && z >= min && z <= max));
  if (beyond !== undefined) return refuse(`has the zero point ${beyond}, expected within [${min}, ${max}]`);
  if (scale.length === 1) return perTensor(scale[0]!, zero[0]!);
  if (shape[axis] !== scale.length)
    return refuse(`has ${scale.length} scales for axis ${axis} of [${shape.join(", ")}]`);
  return { scale, zero, axis };
}

function addInput({ graph, reals, stored }: Conversion, tensor: TfliteTensor): void {
  const { index, name, shape, element } = tensor;
  if (element === undefined || element === "f64")
    return fail("tflite-tensor", `input "${name}" holds ${tensor.typeName}, expected FLOAT32 or INT8`, {
      subject: `input "${name}"`,
    });
  const quantization = quantizationOf(tensor);
  const input = graph.addInput(name, tensorType(element, shape, quantization));
  if (quantization === undefined) {
    reals.set(index, input);
    return;
  }
  stored.set(index, input);
  reals.set(index, graph.create(dequantize, { input }, {}, { name: `${name}_real` }).result);
}

/** A constant becomes an operation when something reads it as reals. */
function realOf({ model, graph, reals }: Conversion, index: number, view: OperatorView): Value {
  const known = reals.get(index);
  if (known !== undefined) return known;
  const tensor = model.tensors[index]!;
  const { contents, name } = tensor;
  if (contents === undefined)
    return view.fail(
      "tflite-tensor",
      tensor.isVariable
        ? `reads the state "${name}", which is not supported`
        : `reads "${name}" of ${tensor.typeName}, which is not supported`,
    );
  const quantization = quantizationOf(tensor);
  if (quantization === undefined && contents.element !== "f32")
    return view.fail("tflite-tensor", `reads "${name}" of ${tensor.typeName} as reals`);
  if (contents.element === "f32" && (contents.data as Float32Array).some((x) => !Number.isFinite(x)))
    return view.fail("tflite-tensor", `has the weights "${name}", which hold NaN or infinities`);
  const operand = quantization === undefined ? { contents } : { contents, quantization };
  const value = createConstantOperand(graph, operand, { name, origin: `tensor "${name}"` });
  reals.set(index, value);
  return value;
}

function convertOperator(conversion: Conversion, operator: TfliteOperator): void {
  const { model, graph, notes, failed } = conversion;
  if (operator.inputs.some((index) => failed.has(index))) {
    for (const index of operator.outputs) failed.add(index);
    return;
  }
  const view = operatorView(operator, {
    graph,
    tensors: model.tensors,
    notes,
    realOf: (index, of) => realOf(conversion, index, of),
  });
  try {
    const converted = converters[operator.name]!(view);
    const results: readonly Value[] = Array.isArray(converted) ? converted : [converted];
    operator.outputs.forEach((index, i) => {
      const result = results[i];
      if (result === undefined) view.fail("tflite-operator", `has ${operator.outputs.length} outputs`);
      else assign(conversion, view, model.tensors[index]!, result);
    });
  } catch (error) {
    for (const index of operator.outputs) failed.add(index);
    if (!(error instanceof DiagnosticError)) throw error;
    const subject = describeOperator(operator);
    throw new DiagnosticError(error.diagnostics.map((problem) => ({ subject, ...problem })));
  }
}

function assign(
  { graph, reals, stored }: Conversion,
  view: OperatorView,
  tensor: TfliteTensor,
  result: Value,
): void {
  const { index, name, shape, element } = tensor;
  if (shape.join() !== result.type.shape.join())
    view.fail(
      "tflite-shape",
      `gives "${name}" the shape [${result.type.shape.join(", ")}], the file says [${shape.join(", ")}]`,
    );
  const quantization = quantizationOf(tensor);
  if (quantization === undefined) {
    if (element !== "f32")
      view.fail("tflite-tensor", `gives "${name}" of ${tensor.typeName}, expected reals`);
    reals.set(index, result);
    return;
  }
  const origin = describeOperator(view.operator);
  const type = tensorType(element!, shape, quantization);
  const integers = graph.create(quantize, { input: result }, {}, { name, origin, type }).result;
  stored.set(index, integers);
  reals.set(
    index,
    graph.create(dequantize, { input: integers }, {}, { name: `${name}_real`, origin }).result,
  );
}

/** Integers where the file has integers. An output that is an input or another output, too, is what that is. */
function setOutputs({ model, graph, reals, stored }: Conversion): void {
  const values = model.outputs.map((index) => {
    const value = stored.get(index) ?? reals.get(index);
    if (value !== undefined) return value;
    const { name, contents } = model.tensors[index]!;
    if (contents?.element !== "f32")
      return fail("tflite-tensor", `output "${name}" is a constant, expected a computed value`);
    return createConstantOperand(graph, { contents }, { name });
  });
  graph.setOutputs(values);
}
