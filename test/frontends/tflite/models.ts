/** Small TFLite models from plain data. */
import { interpret } from "../../../src/exec/interpreter.ts";
import { importTflite } from "../../../src/frontends/tflite/import-tflite.ts";
import { verify } from "../../../src/ir/verify.ts";
import { bytesOfTensor } from "../../../src/tensor/bytes.ts";
import { numbersOf, type Tensor } from "../../../src/tensor/tensor.ts";
import {
  bytes,
  f32s,
  flatFile,
  i32,
  i32s,
  i64s,
  i8,
  table,
  tables,
  text,
  u32,
  type FlatFields,
} from "./flat-writer.ts";

export interface TensorText {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of the schema's element type: 0 FLOAT32, 2 INT32, 9 INT8. */
  readonly type?: number;
  readonly contents?: Tensor;
  readonly scale?: readonly number[];
  readonly zero?: readonly number[];
  readonly axis?: number;
}

export interface OperatorText {
  readonly code: number;
  readonly in: readonly number[];
  readonly out: readonly number[];
  readonly options?: FlatFields;
}

export interface ModelText {
  readonly tensors: readonly TensorText[];
  readonly operators: readonly OperatorText[];
  readonly inputs?: readonly number[];
  readonly outputs: readonly number[];
  readonly version?: number;
}

const elementNumbers: Readonly<Record<string, number>> = { f32: 0, i32: 2, u8: 3, i8: 9 };

export function tfliteBytes({
  tensors,
  operators,
  inputs = [0],
  outputs,
  version = 3,
}: ModelText): Uint8Array {
  const buffers: FlatFields[] = [{}];
  const tensorFields = tensors.map(({ name, shape, type, contents, scale, zero, axis }): FlatFields => {
    if (contents !== undefined) buffers.push({ 0: bytes(bytesOfTensor(contents)) });
    return {
      0: i32s(shape),
      1: i8(type ?? (contents === undefined ? 0 : elementNumbers[contents.element]!)),
      2: u32(contents === undefined ? 0 : buffers.length - 1),
      3: text(name),
      ...(scale === undefined
        ? {}
        : { 4: table({ 2: f32s(scale), 3: i64s(zero ?? scale.map(() => 0)), 6: i32(axis ?? 0) }) }),
    };
  });
  const codes = [...new Set(operators.map(({ code }) => code))];
  return flatFile("TFL3", {
    0: u32(version),
    1: tables(codes.map((code) => ({ 0: i8(Math.min(code, 127)), 3: i32(code) }))),
    2: tables([
      {
        0: tables(tensorFields),
        1: i32s(inputs),
        2: i32s(outputs),
        3: tables(
          operators.map(({ code, in: read, out, options }) => ({
            0: u32(codes.indexOf(code)),
            1: i32s(read),
            2: i32s(out),
            ...(options === undefined ? {} : { 4: table(options) }),
          })),
        ),
        4: text("net"),
      },
    ]),
    4: tables(buffers),
  });
}

/** The first output of the imported, verified model. */
export function run(model: ModelText, ...inputs: readonly Tensor[]): readonly number[] {
  const { graph } = importTflite(tfliteBytes(model));
  const problems = verify(graph);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("\n"));
  return Array.from(numbersOf(interpret(graph, inputs)[0]!));
}
