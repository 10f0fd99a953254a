/**
 * A .tflite file as plain data: the first subgraph with its tensors, constants decoded, options still as they lie in the file.
 *
 * Checked here, so that conversion can take it for granted: every index is one of its list, shapes are no larger than their buffers,
 * each tensor is written at most once and read only after it is.
 */
import { fail } from "../../diagnostics/diagnostic.ts";
import type { ElementType } from "../../tensor/element-type.ts";
import { bytesOfTensor, tensorOfBytes, tensorSizeBytes } from "../../tensor/bytes.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  bytesField,
  numbersField,
  openFlatFile,
  scalarField,
  stringField,
  tableField,
  tablesField,
  type FlatTable,
} from "./flatbuffer-view.ts";
import { customOperator, elementTypes, operatorName } from "./schema.ts";

export interface TfliteQuantization {
  readonly scale: readonly number[];
  readonly zero: readonly number[];
  /** The axis of several scales. */
  readonly axis: number;
}

export interface TfliteTensor {
  readonly index: number;
  readonly name: string;
  readonly shape: readonly number[];
  /** Absent where we have no such type; `typeName` says which it is. */
  readonly element?: ElementType;
  readonly typeName: string;
  readonly quantization?: TfliteQuantization;
  /** Of a constant. */
  readonly contents?: Tensor;
  /** Keeps its contents between runs. */
  readonly isVariable: boolean;
}

export interface TfliteOperator {
  readonly index: number;
  readonly name: string;
  /** -1 stands for an optional input that is absent. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options?: FlatTable;
}

export interface TfliteModel {
  readonly name: string;
  readonly tensors: readonly TfliteTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly TfliteOperator[];
}

/** No network has more; what passes over a graph is quadratic in places. */
const largestOperators = 20_000;
const largestTensors = 100_000;

/** @throws DiagnosticError tflite-format, tflite-limit, tflite-tensor, tflite-operator */
export function decodeTflite(bytes: Uint8Array): TfliteModel {
  const model = openFlatFile(bytes, "TFL3");
  const version = scalarField(model, 0, "u32");
  if (version !== 3) fail("tflite-format", `the file has schema version ${version}, expected 3`);
  const [subgraph] = tablesField(model, 2);
  if (subgraph === undefined) return fail("tflite-format", "the file has no subgraph");
  const codes = tablesField(model, 1).map(operatorCode);
  const buffers = tablesField(model, 4);
  const tables = tablesField(subgraph, 0);
  if (tables.length > largestTensors) limit(`${tables.length} tensors`, largestTensors);
  const constants = constantReader(buffers, bytes);
  const tensors = tables.map((table, index) => decodeTensor(table, index, constants));
  const operators = tablesField(subgraph, 3);
  if (operators.length > largestOperators) limit(`${operators.length} operators`, largestOperators);
  const decoded: TfliteModel = {
    name: stringField(subgraph, 4),
    tensors,
    inputs: numbersField(subgraph, 1, "i32"),
    outputs: numbersField(subgraph, 2, "i32"),
    operators: operators.map((table, index) => decodeOperator(table, index, codes)),
  };
  checkModel(decoded);
  return decoded;
}

const limit = (what: string, most: number): never =>
  fail("tflite-limit", `the model has ${what}, more than the limit of ${most}`);

/** The code is a byte in old files and an int in new ones: the larger of both. */
function operatorCode(table: FlatTable): string {
  const code = Math.max(scalarField(table, 0, "i8"), scalarField(table, 3, "i32"));
  return code === customOperator ? `CUSTOM ${stringField(table, 1)}` : operatorName(code);
}

function decodeOperator(table: FlatTable, index: number, codes: readonly string[]): TfliteOperator {
  const code = scalarField(table, 0, "u32");
  const name = codes[code];
  if (name === undefined)
    return fail(
      "tflite-operator",
      `operator #${index} has the code ${code}, expected one of ${codes.length}`,
    );
  const options = tableField(table, 4);
  return {
    index,
    name,
    inputs: numbersField(table, 1, "i32"),
    outputs: numbersField(table, 2, "i32"),
    ...(options === undefined ? {} : { options }),
  };
}

function decodeTensor(table: FlatTable, index: number, constants: ConstantReader): TfliteTensor {
  const name = stringField(table, 3);
  const label = `tensor "${name}"`;
  const shape = numbersField(table, 0, "i32");
  const number = scalarField(table, 1, "i8");
  const { name: typeName, element } = elementTypes[number] ?? { name: `type ${number}` };
  const sizeBytes = element && tensorSizeBytes(element, shape);
  if (shape.some((extent) => extent < 0) || (element !== undefined && sizeBytes === undefined))
    fail("tflite-tensor", `${label} has the shape [${shape.join(", ")}]`, { subject: label });
  const base = { index, name, shape, typeName, isVariable: scalarField(table, 5, "u8") !== 0 };
  const quantization = decodeQuantization(tableField(table, 4));
  const typed = {
    ...base,
    ...(element === undefined ? {} : { element }),
    ...(quantization === undefined ? {} : { quantization }),
  };
  if (element === undefined) return typed;
  const contents = constants(scalarField(table, 2, "u32"), element, shape, label);
  return contents === undefined ? typed : { ...typed, contents };
}

/** The constant in a buffer, undefined where the buffer is empty. */
type ConstantReader = (
  buffer: number,
  element: ElementType,
  shape: readonly number[],
  label: string,
) => Tensor | undefined;

/** Tensors may share a buffer, and share its copy; but buffers that lie over each other could make much of a small file. */
function constantReader(buffers: readonly FlatTable[], file: Uint8Array): ConstantReader {
  const copies = new Map<string, Tensor>();
  let room = 2 * file.length;
  return (buffer, element, shape, label) => {
    const source = buffers[buffer];
    if (source === undefined)
      return fail("tflite-tensor", `${label} is in buffer ${buffer}, expected one of ${buffers.length}`, {
        subject: label,
      });
    const key = `${buffer} ${element}`;
    const known = copies.get(key);
    const data = known === undefined ? contentsOf(source, file, label) : bytesOfTensor(known);
    if (data === undefined) return undefined;
    if (data.length !== tensorSizeBytes(element, shape))
      fail("tflite-tensor", `${label} of ${element} [${shape.join(", ")}] has ${data.length} bytes of data`, {
        subject: label,
        help: "the file is damaged, or its tensor is sparse or packed, which is not supported",
      });
    if (known !== undefined) return { ...known, shape };
    room -= data.length;
    if (room < 0) fail("tflite-limit", "the model's buffers lie over each other", { subject: label });
    const copy = tensorOfBytes(element, shape, data);
    copies.set(key, copy);
    return copy;
  };
}

/** In the table, or behind it in the file where models are beyond 2 GB. */
function contentsOf(buffer: FlatTable, file: Uint8Array, label: string): Uint8Array | undefined {
  const [offset, size] = [scalarField(buffer, 1, "i64"), scalarField(buffer, 2, "i64")];
  if (offset > 1) {
    if (size < 0 || offset + size > file.length)
      fail("tflite-tensor", `${label} has ${size} bytes at ${offset} of a file of ${file.length}`, {
        subject: label,
      });
    return file.subarray(offset, offset + size);
  }
  const data = bytesField(buffer, 0);
  return data?.length === 0 ? undefined : data;
}

function decodeQuantization(table: FlatTable | undefined): TfliteQuantization | undefined {
  const scale = table === undefined ? [] : numbersField(table, 2, "f32");
  if (table === undefined || scale.length === 0) return undefined;
  const zero = numbersField(table, 3, "i64");
  return { scale, zero: scale.map((_, i) => zero[i] ?? zero[0] ?? 0), axis: scalarField(table, 6, "i32") };
}

function checkModel({ tensors, inputs, outputs, operators }: TfliteModel): void {
  const defined = new Set<number>();
  const requireTensor = (index: number, who: string): void => {
    if (tensors[index] === undefined)
      fail("tflite-operator", `${who} names tensor ${index}, expected one of ${tensors.length}`);
  };
  const define = (index: number, who: string): void => {
    requireTensor(index, who);
    if (defined.has(index) || tensors[index]!.contents !== undefined)
      fail("tflite-operator", `${who} writes tensor "${tensors[index]!.name}", which is defined already`);
    defined.add(index);
  };
  inputs.forEach((index) => {
    define(index, "the list of inputs");
  });
  for (const { index: place, name, inputs: read, outputs: written } of operators) {
    const who = `operator #${place} (${name})`;
    for (const index of read) {
      if (index === -1) continue;
      requireTensor(index, who);
      const { contents, isVariable, name: of } = tensors[index]!;
      if (contents === undefined && !isVariable && !defined.has(index))
        fail("tflite-operator", `${who} reads tensor "${of}" before it is computed`);
    }
    for (const index of written) define(index, who);
  }
  if (outputs.length === 0) fail("tflite-format", "the model has no output");
  for (const index of outputs) {
    requireTensor(index, "the list of outputs");
    if (!defined.has(index) && tensors[index]!.contents === undefined)
      fail("tflite-operator", `output "${tensors[index]!.name}" is never computed`);
  }
}
