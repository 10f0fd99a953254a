/**
 * What a user may get wrong: a diagnostic that names the place and the cure, an exit code (1 the job, 2 the usage), nothing left behind
 * and no stack.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { f32, onnxBytes, type Network } from "../frontends/onnx/networks.ts";
import { quern } from "../quern.ts";

const folder = mkdtempSync(join(tmpdir(), "quern-bad-input-"));
const at = (...parts: string[]): string => join(folder, ...parts);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const weights = f32([4, 3], [1, 0, -1, -1, 1, 0.5, 0.5, -0.25, 1, 0, 1, -0.5]);
const sound: Network = {
  inputs: { x: [1, 4] },
  initializers: { w: weights },
  nodes: [
    { op: "MatMul", name: "dense", in: ["x", "w"], out: ["z"] },
    { op: "Softmax", name: "classes", in: ["z"], out: ["y"] },
  ],
};
const withNodes = (...nodes: Network["nodes"]): Uint8Array => onnxBytes({ ...sound, nodes });

const models: Readonly<Record<string, Uint8Array>> = {
  "sound.onnx": onnxBytes(sound),
  "cut.onnx": onnxBytes(sound).slice(0, 100),
  "cut.tflite": Uint8Array.of(0x1c, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33),
  "empty.onnx": new Uint8Array(),
  "cyclic.onnx": withNodes(
    { op: "Add", name: "first", in: ["x", "b"], out: ["a"] },
    { op: "Relu", name: "second", in: ["a"], out: ["b"] },
    { op: "Add", name: "third", in: ["a", "b"], out: ["y"] },
  ),
  "unknown.onnx": withNodes({ op: "Sofmax", name: "classes", in: ["x"], out: ["y"] }),
  "nan-weights.onnx": onnxBytes({
    ...sound,
    initializers: { w: f32([4, 3], [1, 2, NaN, ...new Array<number>(9).fill(0)]) },
  }),
  "wrong-weights.onnx": onnxBytes({
    ...sound,
    initializers: { w: f32([5, 2], new Array<number>(10).fill(1)) },
  }),
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => ((i * 7) % 11) - 5);
const arrays: Readonly<Record<string, Tensor>> = {
  "x.npy": tensor("f32", [8, 4], numbers(32)),
  "wrong.npy": tensor("f32", [8, 5], numbers(40)),
  "nan.npy": tensor("f32", [8, 4], numbers(32).with(21, NaN)),
  "lone.npy": tensor("f32", [4], numbers(4)),
  "single.npy": tensor("f32", [], [1]),
  "none.npy": tensor("f32", [0, 4], []),
  "y.npy": tensor("u8", [8], [0, 1, 2, 0, 1, 2, 0, 1]),
  "many.npy": tensor("u8", [9], [0, 1, 2, 0, 1, 2, 0, 1, 2]),
  "few.npy": tensor("u8", [3], [0, 1, 2]),
  "high.npy": tensor("u8", [8], [0, 1, 2, 0, 1, 3, 0, 1]),
};

beforeAll(() => {
  for (const [name, bytes] of Object.entries(models)) writeFileSync(at(name), bytes);
  for (const [name, array] of Object.entries(arrays)) writeFileSync(at(name), writeNpy(array));
  writeFileSync(at("cut.npy"), writeNpy(arrays["x.npy"]!).slice(0, 200));
  mkdirSync(at("mine"));
  writeFileSync(at("mine", "thesis.txt"), "chapter one");
});

const compile = (model: string, samples = "x.npy", ...more: string[]): string[] => [
  ...["compile", at(model), "--calibrate", at(samples), "--out", at("never"), ...more],
];
const evaluate = (labels: string): string[] => [
  ...["evaluate", at("sound.onnx"), "--inputs", at("x.npy"), "--labels", at(labels)],
];

interface Fault {
  readonly args: readonly string[];
  readonly code: 1 | 2;
  /** What is wrong, where, and what to do. */
  readonly says: readonly (string | RegExp)[];
}

const faults: Readonly<Record<string, Fault>> = {
  "a missing model": {
    args: compile("gone.onnx"),
    code: 1,
    says: ["error[no-file]", "gone.onnx' does not exist", "help: check the path"],
  },
  "a truncated model": {
    args: compile("cut.onnx"),
    code: 1,
    says: ["error[onnx-truncated]", "byte 100", /in .*cut\.onnx/, "help: download or export the file again"],
  },
  "an empty model": {
    args: compile("empty.onnx"),
    code: 1,
    says: ["error[onnx-not-a-model]", "an empty file", /in .*empty\.onnx/, "help: "],
  },
  "a TFLite model": {
    args: compile("cut.tflite"),
    code: 1,
    says: ["error[tflite-format]", /in .*cut\.tflite/, "help: "],
  },
  "a cyclic graph": {
    args: compile("cyclic.onnx"),
    code: 1,
    says: [
      "error[onnx-cycle]",
      'node "second" (Relu) -> node "first" (Add)',
      /in .*cyclic\.onnx/,
      "help: break the cycle",
    ],
  },
  "an unknown operator": {
    args: compile("unknown.onnx"),
    code: 1,
    says: [
      "error[onnx-unsupported-operator]",
      /in node "classes" \(Sofmax\) of .*unknown\.onnx/,
      "help: did you mean 'Softmax'?",
    ],
  },
  "weights of the wrong shape": {
    args: compile("wrong-weights.onnx"),
    code: 1,
    says: [
      "error[operand-shape]",
      "of 5 rows, expected 4",
      /in node "dense" \(MatMul\) of .*wrong-weights\.onnx/,
      'initializer "w"',
    ],
  },
  "NaN weights": {
    args: compile("nan-weights.onnx"),
    code: 1,
    says: [
      "error[onnx-weights]",
      "NaN at index 2",
      /in initializer "w" of .*nan-weights\.onnx/,
      "help: the training diverged",
    ],
  },
  "missing samples": {
    args: compile("sound.onnx", "gone.npy"),
    code: 1,
    says: ["error[no-file]", "gone.npy' does not exist", "help: check the path"],
  },
  "no samples": {
    args: ["compile", at("sound.onnx"), "--out", at("never")],
    code: 1,
    says: ["error[no-samples]", "'sound.onnx' is a float model", "help: give some with --calibrate"],
  },
  "not a single sample": {
    args: compile("sound.onnx", "none.npy"),
    code: 1,
    says: ["error[sample-count]: there are no samples", /in file ".*none\.npy"/, "help: give at least one"],
  },
  "samples of the wrong shape": {
    args: compile("sound.onnx", "wrong.npy"),
    code: 1,
    says: [
      "error[sample-shape]",
      "a sample is [5], input %x expects [1, 4]",
      /in file ".*wrong\.npy"/,
      "help: give an array of shape [N, 4]",
    ],
  },
  "a NaN among the samples": {
    args: compile("sound.onnx", "nan.npy"),
    code: 1,
    says: [
      "error[sample-not-finite]",
      "element 1 of sample 5 is NaN",
      /in file ".*nan\.npy"/,
      "help: remove the sample",
    ],
  },
  "truncated samples": {
    args: compile("sound.onnx", "cut.npy"),
    code: 1,
    says: ["error[npy-truncated]", /in file ".*cut\.npy"/, "help: write or copy the file again"],
  },
  "a model as samples": {
    args: compile("sound.onnx", "sound.onnx"),
    code: 1,
    says: ["error[npy-magic]", /in file ".*sound\.onnx"/],
  },
  "a folder as samples": {
    args: compile("sound.onnx", "mine"),
    code: 1,
    says: ["error[not-a-file]", "mine' is a folder, expected a file", "help: give a file of that folder"],
  },
  "too few labels": {
    args: evaluate("few.npy"),
    code: 1,
    says: [
      "error[label-count]",
      "3 labels for 8 samples",
      /in file ".*few\.npy"/,
      "help: give one label for each",
    ],
  },
  "too many labels": {
    args: evaluate("many.npy"),
    code: 1,
    says: ["error[label-count]", "9 labels for 8 samples", /in file ".*many\.npy"/],
  },
  "no samples at all": {
    args: [...evaluate("y.npy"), "--limit", "0"],
    code: 2,
    says: [/--limit <N>/, "at least 1"],
  },
  "a label of no class": {
    args: evaluate("high.npy"),
    code: 1,
    says: ["error[label-value]", "label 5 is 3, expected 0 to 2", /in file ".*high\.npy"/, "from 0"],
  },
  "a folder that is not ours": {
    args: ["compile", at("sound.onnx"), "--calibrate", at("x.npy"), "--out", at("mine")],
    code: 1,
    says: ["error[output-exists]", "mine' exists and was not written by quern", "--force"],
  },
  "a folder that cannot be made": {
    args: ["compile", at("sound.onnx"), "--calibrate", at("x.npy"), "--out", "/proc/quern/net"],
    code: 1,
    says: ["error[output-folder]", "/proc/quern/net"],
  },
  "a shape for no input": {
    args: compile("sound.onnx", "x.npy", "--shape", "q=1x4"),
    code: 1,
    says: ["error[onnx-unknown-input]", /in --shape q of .*sound\.onnx/, "help: did you mean 'x'?"],
  },
  "an unknown pipeline": {
    args: compile("sound.onnx", "x.npy", "--pipeline", "x y"),
    code: 2,
    says: ["error[syntax]", "pipeline:1:"],
  },
  "one sample without an axis of samples": {
    args: compile("sound.onnx", "lone.npy"),
    code: 1,
    says: ["error[sample-shape]", "this is one sample: give it an axis of samples, x[None]"],
  },
  "a single number for samples": {
    args: compile("sound.onnx", "single.npy"),
    code: 1,
    says: [
      "error[sample-shape]: a single number, expected samples along the first axis",
      "give an array of shape [N, 4]",
    ],
  },
  "a file on the way to the folder": {
    args: ["compile", at("sound.onnx"), "--calibrate", at("x.npy"), "--out", join(at("x.npy"), "net")],
    code: 1,
    says: ["error[output-folder]:", "cannot be made there", "--out"],
  },
  "two pipelines that quantize": {
    args: compile("sound.onnx", "x.npy", "--pipeline", "accurate, default"),
    code: 2,
    says: ["error[option]: the pipeline quantizes 2 times"],
  },
  "a misspelt pipeline beside an option": {
    args: compile("sound.onnx", "x.npy", "--pipeline", "acurate", "--bits", "4"),
    code: 2,
    says: ["error[unknown-pass]", "did you mean 'accurate'?"],
  },
  "options for a pipeline": {
    args: compile("sound.onnx", "x.npy", "--pipeline", "default{bits=3}"),
    code: 2,
    says: ["pipeline:1:1: error[option]: 'default' is a pipeline, which takes no options"],
  },
  "a misspelt pipeline": {
    args: compile("sound.onnx", "x.npy", "--pipeline", "acurate"),
    code: 2,
    says: [
      "pipeline:1:1: error[unknown-pass]: there is no pass or pipeline 'acurate'",
      "did you mean 'accurate'?",
    ],
  },
  "an unknown option of a pass behind a pipeline's name": {
    args: compile("sound.onnx", "x.npy", "--pipeline", "optimize, calibrate{metod=mse}, quantize"),
    code: 2,
    says: [
      "pipeline:1:11: error[unknown-option]",
      "  optimize, calibrate{metod=mse}, quantize\n            ^~~~~~~~",
    ],
  },
  "a deviation of zero": {
    args: compile("sound.onnx", "x.npy", "--input-std", "0"),
    code: 2,
    says: ["--input-std", "It is expected to be above 0."],
  },
  "a size of groups without groups": {
    args: compile("sound.onnx", "x.npy", "--group-size", "32"),
    code: 2,
    says: ["error[option]: 'group-size' is for weights=group", "--weights group"],
  },
  "groups of weights of eight bits": {
    args: compile("sound.onnx", "x.npy", "--weights", "group"),
    code: 2,
    says: ["error[option]: weights=group does nothing to weights of 8 bits", "--bits"],
  },
  "an unknown option": {
    args: compile("sound.onnx", "x.npy", "--taget", "c"),
    code: 2,
    says: ["unknown option '--taget'", "Did you mean --target?"],
  },
  "an unknown target": {
    args: compile("sound.onnx", "x.npy", "--target", "d"),
    code: 2,
    says: ["--target", "'d' is none of c, wasm"],
  },
  "an option that takes a number": {
    args: compile("sound.onnx", "x.npy", "--input-scale", "one"),
    code: 2,
    says: ["--input-scale", "no number"],
  },
  "an option that takes a shape": {
    args: compile("sound.onnx", "x.npy", "--shape", "3x3"),
    code: 2,
    says: ["--shape", "NAME=1x3x32x32"],
  },
};

/** Every file below, with its contents. */
function snapshot(): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry): [string, string] => {
      const path = join(entry.parentPath, entry.name);
      return [path, readFileSync(path, "latin1")];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

test.each(Object.entries(faults))("%s", async (_, { args, code, says }) => {
  const before = snapshot();
  const result = await quern(...args);
  for (const part of says)
    if (typeof part === "string") expect(result.err).toContain(part);
    else expect(result.err).toMatch(part);
  expect(result.err).not.toMatch(/^\s+at |internal:/m);
  expect([result.code, result.out]).toEqual([code, ""]);
  expect(snapshot()).toEqual(before);
});

test("the files are sound but for their faults", async () => {
  expect(await quern(...evaluate("y.npy"))).toMatchObject({ code: 0, err: "" });
  expect((await quern(...evaluate("many.npy"), "--limit", "7")).code).toBe(0);
  expect((await quern(...compile("sound.onnx"))).code).toBe(0);
});
