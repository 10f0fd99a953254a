/** The float networks of the corpus import, verify, and compute what a reference runtime computed. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { createInterpreter, interpret } from "../../../src/exec/interpreter.ts";
import { importOnnx } from "../../../src/frontends/onnx/import-onnx.ts";
import { verify } from "../../../src/ir/verify.ts";
import { parseNpy } from "../../../src/tensor/npy.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { diagnosticsOf } from "./diagnostics-of.ts";

const corpus = process.env.QUERN_CORPUS ?? path.resolve(import.meta.dirname, "../../../../shared");
const present = existsSync(path.join(corpus, "models"));
if (!present) console.warn(`skipped: no corpus at ${corpus} (set QUERN_CORPUS)`);

const bytesOf = (file: string): Uint8Array => readFileSync(path.join(corpus, file));
const npy = (file: string): Tensor => parseNpy(bytesOf(file), file);

const load = (model: string) => {
  const { graph } = importOnnx(bytesOf(`models/${model}`), { file: model });
  expect(verify(graph)).toEqual([]);
  return graph;
};

/** |got - want| <= 1e-4 * (largest |want|), for every element. */
function expectClose(got: Tensor, want: ArrayLike<number>): void {
  const values = numbersOf(got);
  expect(values.length).toBe(want.length);
  const largest = Math.max(...Array.from(want, Math.abs));
  const worst = Math.max(...Array.from(values, (value, i) => Math.abs(value - want[i]!)));
  expect(worst).toBeLessThanOrEqual(1e-4 * largest);
}

/** Sample `index` of a batch as the network's input: (x - zero) * scale. */
function sampleOf(x: Tensor, index: number, shape: readonly number[], scale: number, zero: number): Tensor {
  const count = elementCount(shape);
  const samples = numbersOf(x).subarray(index * count, (index + 1) * count);
  return tensor(
    "f32",
    shape,
    Float32Array.from(samples, (v) => (v - zero) * scale),
  );
}

describe.skipIf(!present)("networks with a reference output", () => {
  test.each([
    "sine_mlp_fp32",
    "mnist_cnn_fp32",
    "mnist_resnet_fp32",
    "mnist_14x14_atmega",
    "mnist_cntk_opset8",
    "helloworld_keras2onnx",
    "cifar10_cnn_fp32",
    "wakeword_hey_rhasspy",
    "mobilenetv1_0.25_96_imagenet_fp32",
    "autoencoder1d",
  ])("%s", (name) => {
    const graph = load(`zoo/${name}/model.onnx`);
    const [output] = interpret(graph, [npy(`models/zoo/${name}/input_0.npy`)]) as [Tensor];
    const want = npy(`models/zoo/${name}/output_0.npy`);
    expect(output.shape).toEqual(want.shape);
    expectClose(output, numbersOf(want));
  });
});

describe.skipIf(!present)("networks with a data set", () => {
  test.each([
    ["kws/kws_fp32", "kws", 0.5847029089927673, 83],
    ["sww/sww_fp32", "sww", 1, 0],
    ["sww/sww_fp32_bn", "sww", 1, 0],
    ["ic/ic_fp32", "ic", 1, 0],
    ["vww/vww_fp32", "vww", 1 / 255, 0],
  ])("%s", (model, data, scale, zero) => {
    const graph = load(`${model}.onnx`);
    const x = npy(`datasets/${data}/dev/x.npy`);
    const want = npy(`datasets/${data}/dev/ref_fp32.npy`);
    const classes = want.shape[1]!;
    for (const index of model.startsWith("kws") ? [0, 7] : [0]) {
      const sample = sampleOf(x, index, graph.inputs[0]!.type.shape, scale, zero);
      const [output] = interpret(graph, [sample]) as [Tensor];
      expectClose(output, numbersOf(want).subarray(index * classes, (index + 1) * classes));
    }
  });

  test("ad: the mean error of a recording's 196 windows is its score", () => {
    const graph = load("ad/ad_fp32.onnx");
    const x = numbersOf(npy("datasets/ad/dev/x.npy")) as Float32Array;
    const want = numbersOf(npy("datasets/ad/dev/ref_fp32_score.npy"))[0]!;
    const network = createInterpreter(graph);
    let score = 0;
    for (let window = 0; window < 196; window++) {
      const sample = tensor("f32", [1, 640], x.slice(window * 128, window * 128 + 640));
      const [output] = network.run([sample]) as [Tensor];
      const errors = Array.from(numbersOf(output), (v, i) => (v - (sample.data as Float32Array)[i]!) ** 2);
      score += errors.reduce((sum, e) => sum + e, 0) / 640 / 196;
    }
    expect(Math.abs(score - want)).toBeLessThanOrEqual(1e-4 * want);
  });
});

test
  .skipIf(!present)
  .each([
    "ad/ad_keras_fp32_bn",
    "ic/ic_fp32_bn",
    "ic_large/ic_large_fp32",
    "kws/kws_savedmodel_fp32",
    "vww/vww_fp32_bn",
    "zoo/cct_1_16_16_8/model",
    "zoo/speech_embedding/model",
    "zoo/transformer_deepquant/model",
  ])("%s imports", (model) => {
  expect(load(`${model}.onnx`).operations.length).toBeGreaterThan(0);
});

test.skipIf(!present).each([["zoo/mini_mobilenetv2_requantshift/model", ["RequantShift"]]])(
  "%s is declined for its operators",
  (model, operators) => {
    const problems = diagnosticsOf(() => load(`${model}.onnx`));
    const unsupported = problems.filter(({ code }) => code === "onnx-unsupported-operator");
    const named = new Set(unsupported.map(({ message }) => /'(\w+)'/.exec(message)![1]!));
    expect([...named].sort()).toEqual(operators);
  },
);
