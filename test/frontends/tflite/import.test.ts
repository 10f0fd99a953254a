/** TFLite operators against values computed by hand, and faults of models. */
import { describe, expect, test } from "vitest";
import { importTflite } from "../../../src/frontends/tflite/import-tflite.ts";
import { tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { diagnosticsOf } from "../onnx/diagnostics-of.ts";
import * as flat from "./flat-writer.ts";
import { run, tfliteBytes, type ModelText, type OperatorText, type TensorText } from "./models.ts";

const real = (shape: readonly number[], values: readonly number[]): Tensor => tensor("f32", shape, values);
const ints = (...values: readonly number[]): Tensor => tensor("i32", [values.length], values);

const x = (...shape: readonly number[]): TensorText => ({ name: "x", shape });
const y = (...shape: readonly number[]): TensorText => ({ name: "y", shape });
const constant = (name: string, contents: Tensor): TensorText => ({ name, shape: contents.shape, contents });

/** x, y, then constants that the operator reads behind x. */
const single = (
  code: number,
  tensors: readonly TensorText[],
  options?: OperatorText["options"],
): ModelText => ({
  tensors,
  operators: [
    {
      code,
      in: [0, ...tensors.slice(2).map((_, i) => i + 2)],
      out: [1],
      ...(options === undefined ? {} : { options }),
    },
  ],
  outputs: [1],
});

describe("real operators", () => {
  test("CONV_2D: SAME padding of an even size by stride 2 is behind, with its activation", () => {
    const weight = real([1, 2, 2, 1], [1, 2, 4, 8]);
    const options = { 1: flat.i32(2), 2: flat.i32(2), 3: flat.i8(1) };
    const model = single(
      3,
      [x(1, 3, 3, 1), y(1, 2, 2, 1), constant("w", weight), constant("b", real([1], [-50]))],
      options,
    );
    // Windows at (0, 0), (0, 2), (2, 0), (2, 2), the last three reaching one row or column of zeros.
    expect(run(model, real([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]))).toEqual([11, 0, 0, 0]);
    expect(
      run(
        single(3, [x(1, 3, 3, 1), y(1, 2, 2, 1), constant("w", weight)], { ...options, 3: flat.i8(0) }),
        real([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
      ),
    ).toEqual([61, 27, 23, 9]);
  });

  test("DEPTHWISE_CONV_2D: two results a channel", () => {
    const weight = real([1, 1, 1, 4], [1, 10, 100, 1000]);
    const options = { 0: flat.i8(1), 1: flat.i32(1), 2: flat.i32(1), 3: flat.i32(2) };
    const model = single(4, [x(1, 1, 1, 2), y(1, 1, 1, 4), constant("w", weight)], options);
    expect(run(model, real([1, 1, 1, 2], [2, 3]))).toEqual([2, 20, 300, 3000]);
  });

  test("FULLY_CONNECTED flattens what comes before its rows", () => {
    const model = single(9, [
      x(1, 2, 1),
      y(1, 2),
      constant("w", real([2, 2], [1, 2, 3, 4])),
      constant("b", real([2], [10, 0])),
    ]);
    expect(run(model, real([1, 2, 1], [1, 2]))).toEqual([15, 11]);
  });

  test("AVERAGE_POOL_2D counts the cells inside", () => {
    const options = { 1: flat.i32(2), 2: flat.i32(2), 3: flat.i32(2), 4: flat.i32(2) };
    expect(run(single(1, [x(1, 1, 3, 1), y(1, 1, 2, 1)], options), real([1, 1, 3, 1], [1, 3, 8]))).toEqual([
      2, 8,
    ]);
  });

  test.each([
    ["PAD", 34, [5], ints(1, 1), undefined, [0, 1, 2, 3, 0]],
    ["MEAN", 40, [1], ints(0), { 0: flat.i8(1) }, [2]],
    ["RESHAPE", 22, [3, 1], ints(3, 1), undefined, [1, 2, 3]],
    ["ADD with RELU6", 0, [3], real([3], [-4, 1, 9]), { 0: flat.i8(3) }, [0, 3, 6]],
    ["TRANSPOSE", 39, [3], ints(0), undefined, [1, 2, 3]],
  ] as const)("%s", (_, code, shape, operand, options, expected) => {
    const model = single(code, [x(3), y(...shape), constant("c", operand)], options);
    expect(run(model, real([3], [1, 2, 3]))).toEqual(expected);
  });

  test("STRIDED_SLICE with masks", () => {
    const constants = [constant("b", ints(1, 0)), constant("e", ints(2, 0)), constant("s", ints(1, 2))];
    const options = { 1: flat.i32(2), 4: flat.i32(1) };
    expect(run(single(45, [x(2, 3), y(2), ...constants], options), real([2, 3], [1, 2, 3, 4, 5, 6]))).toEqual(
      [4, 6],
    );
  });

  test("SOFTMAX times beta", () => {
    const [a, b] = run(
      single(25, [x(1, 2), y(1, 2)], { 0: flat.f32(2) }),
      real([1, 2], [0, Math.log(3) / 2]),
    ) as [number, number];
    expect(a).toBeCloseTo(0.25, 6);
    expect(b).toBeCloseTo(0.75, 6);
  });
});

test("stored tensors are read and made through their quantization; ports stay integers", () => {
  const model: ModelText = {
    tensors: [
      { name: "x", shape: [1, 2], type: 9, scale: [0.5], zero: [-1] },
      { name: "y", shape: [1, 2], type: 9, scale: [0.25], zero: [3] },
      {
        name: "w",
        shape: [2, 2],
        contents: tensor("i8", [2, 2], [1, -2, 3, 4]),
        scale: [0.5, 0.25],
        axis: 0,
      },
      { name: "b", shape: [2], contents: tensor("i32", [2], [4, -8]), scale: [0.25, 0.125], axis: 0 },
    ],
    operators: [{ code: 9, in: [0, 2, 3], out: [1] }],
    outputs: [1],
  };
  // x = [1, 2]: [0.5 - 2 + 1, 0.75 + 2 - 1]
  expect(run(model, tensor("i8", [1, 2], [1, 3]))).toEqual([3 - 2, 3 + 7]);
  const { graph } = importTflite(tfliteBytes(model));
  expect(graph.outputs[0]!.type.quantization).toEqual({ scale: [0.25], zero: [3] });
});

describe("faults", () => {
  const codesOf = (model: ModelText | Uint8Array): string[] =>
    diagnosticsOf(() => importTflite(model instanceof Uint8Array ? model : tfliteBytes(model))).map(
      ({ code }) => code,
    );
  const sound = single(19, [x(3), y(3)]);

  test("all unsupported operators at once", () => {
    const operators = [
      { code: 16, in: [0], out: [2] },
      { code: 104, in: [2], out: [3] },
      { code: 5, in: [3], out: [1] },
    ];
    const tensors = [x(3), y(3), { name: "a", shape: [3] }, { name: "b", shape: [3] }];
    const problems = diagnosticsOf(() => importTflite(tfliteBytes({ tensors, operators, outputs: [1] })));
    expect(problems.map(({ code, subject }) => [code, subject])).toEqual([
      ["tflite-unsupported-operator", "operator #0 (LSTM)"],
      ["tflite-unsupported-operator", "operator #2 (DEPTH_TO_SPACE)"],
    ]);
  });

  test.each([
    ["no TFLite file", new TextEncoder().encode("a text, not a model"), "tflite-format"],
    ["nothing", new Uint8Array(0), "tflite-format"],
    ["another schema version", { ...sound, version: 2 }, "tflite-format"],
    ["no output", { ...sound, outputs: [] }, "tflite-format"],
    ["an output outside the list", { ...sound, outputs: [7] }, "tflite-operator"],
    [
      "an input outside the list",
      { ...sound, operators: [{ code: 19, in: [9], out: [1] }] },
      "tflite-operator",
    ],
    [
      "a value before it is computed",
      { ...sound, operators: [{ code: 19, in: [1], out: [1] }] },
      "tflite-operator",
    ],
    [
      "a value computed twice",
      { ...sound, operators: [...sound.operators, ...sound.operators] },
      "tflite-operator",
    ],
    ["an input that is missing", single(0, [x(3), y(3)]), "tflite-operator"],
    ["a shape that is not the operator's", single(19, [x(3), y(4)]), "tflite-shape"],
    ["a negative extent", single(19, [x(-3), y(-3)]), "tflite-tensor"],
    [
      "data that do not fill a shape",
      single(0, [x(3), y(3), { ...constant("c", real([2], [1, 2])), shape: [3] }]),
      "tflite-tensor",
    ],
    [
      "weights that are not finite",
      single(0, [x(3), y(3), constant("c", real([3], [1, NaN, 2]))]),
      "tflite-tensor",
    ],
    ["a scale of zero", single(19, [x(3), { ...y(3), type: 9, scale: [0] }]), "tflite-quantization"],
    [
      "scales that fit no axis",
      single(19, [x(3), { ...y(3), type: 9, scale: [1, 2] }]),
      "tflite-quantization",
    ],
    [
      "axes computed at run time",
      { ...single(40, [x(3), y(1)]), operators: [{ code: 40, in: [0, 0], out: [1] }] },
      "tflite-not-constant",
    ],
  ] as const)("%s", (_, model, code) => {
    expect(codesOf(model as ModelText | Uint8Array)).toEqual([code]);
  });

  test("every truncation and every changed byte of a small file: a diagnostic or a graph", () => {
    const whole = tfliteBytes(
      single(3, [x(1, 2, 2, 1), y(1, 2, 2, 1), constant("w", real([1, 1, 1, 1], [2]))], {
        1: flat.i32(1),
        2: flat.i32(1),
      }),
    );
    const outcome = (bytes: Uint8Array): void => {
      try {
        importTflite(bytes);
      } catch (error) {
        if ((error as Error).name !== "DiagnosticError") throw error;
      }
    };
    for (let size = 0; size < whole.length; size++) outcome(whole.subarray(0, size));
    for (let at = 0; at < whole.length; at++)
      for (const value of [0, 1, 0x7f, 0x80, 0xff, whole[at]! + 1])
        outcome(whole.slice().fill(value, at, at + 1));
  });
});
