/**
 * Models that come quantized, from ONNX to bytes: no samples, nothing left in floats, equal bytes from C and WebAssembly, and on their
 * own example the answer that a float runtime gives for the same quantization.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { compile } from "../../src/driver/compile.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { loadModel } from "../../src/driver/model.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import { createRandom } from "../../src/pass/random.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { transposeTensor } from "../../src/tensor/transpose.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);

const tflite = ["ic", "ic_large", "kws", "vww", "ad", "sww"].map((name) => `${name}/${name}_int8.tflite`);

const networks = [
  "ic/ic_int8_qdq",
  "ic_large/ic_large_int8_qdq",
  "kws/kws_int8_qdq",
  "vww/vww_int8_qdq",
  "ad/ad_int8_qdq",
  "sww/sww_int8_qdq",
  ...[
    "cifar10_cnn",
    "mcunet_person_detection",
    "mcunet_vww80",
    "micro_speech",
    "mnist_278params",
    "mnist_cnn",
    "mnist_resnet",
    "mobilenetv1_0.25_96_imagenet",
    "person_detect",
  ].map((name) => `zoo/${name}_int8_qdq/model`),
];

describe.skipIf(!hasCorpus || compiler === undefined)("to equal bytes without samples", () => {
  test.each([...networks.map((model) => `${model}.onnx`), ...tflite])("%s", async (file) => {
    const model = file.replace(/\.\w+$/, "");
    const compiled = await compile({
      model: { file, bytes: readFileSync(corpusFile(`models/${file}`)) },
      name: "net",
    });
    const [input] = compiled.graph.inputs;
    const { shape, quantization } = input!.type;
    const random = createRandom(1);
    const reach = 64 * quantization!.scale[0]!;
    const count = 3 * elementCount(shape);
    const noise = Array.from({ length: count }, () => Math.fround((2 * random.uniform() - 1) * reach));
    const result = await evaluate({
      graph: compiled.graph,
      engines: ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples(
        [npyFromTensor(tensor("f32", [3, ...shape.slice(1)], noise))],
        compiled.graph.inputs,
      ),
    });
    expect(result.byteEquality).toMatchObject({ equal: true, samples: 3, mismatches: [] });

    const example = corpusFile(`models/${model.replace(/[^/]*$/, "")}input_0.npy`);
    if (!existsSync(example)) return;
    const read = (path: string): Tensor => parseNpy(readFileSync(path), path);
    const sample = read(example);
    const [output] = interpret(compiled.graph, [toStored(sample, input!.type)]) as [Tensor];
    const reals = numbersOf(toReal(output, compiled.graph.outputs[0]!.type));
    const wanted = numbersOf(read(example.replace("input_0", "output_0")));
    const step = compiled.graph.outputs[0]!.type.quantization!.scale[0]!;
    const worst = Math.max(...Array.from(reals, (x, i) => Math.abs(x - wanted[i]!)));
    // Halves are rounded otherwise than ONNX does, which in 28 layers adds up to more than it does in ten.
    expect(worst).toBeLessThanOrEqual(Math.max(3.001 * step, model.includes("imagenet") ? 0.03 : 0));
  });
});

/** NCHW in the ONNX files, NHWC in TFLite's. */
const imageLast = ([batch, channels, height, width]: readonly number[]) =>
  [batch, height, width, channels] as number[];

describe.skipIf(!hasCorpus)("float TFLite is the float ONNX that was made of it", () => {
  test.each([
    ["ic/ic_fp32", "ic/ic_fp32"],
    ["vww/vww_fp32", "vww/vww_fp32"],
    ["ad/ad_fp32", "ad/ad_fp32"],
    ["kws/kws_fp32_weight_compressed", "kws/kws_fp32"],
  ])("%s.tflite", (lite, onnx) => {
    const load = (file: string) =>
      loadModel({ file, bytes: readFileSync(corpusFile(`models/${file}`)) }).graph;
    const [a, b] = [load(`${lite}.tflite`), load(`${onnx}.onnx`)];
    const { shape } = b.inputs[0]!.type;
    const random = createRandom(7);
    const first = tensor(
      "f32",
      shape,
      Array.from({ length: elementCount(shape) }, () => Math.fround(random.uniform())),
    );
    const last = shape.length === 4 ? transposeTensor(first, [0, 2, 3, 1]) : first;
    expect(a.inputs[0]!.type.shape).toEqual(shape.length === 4 ? imageLast(shape) : shape);
    const [x, y] = [interpret(a, [last])[0]!, interpret(b, [first])[0]!].map((out) => numbersOf(out));
    const largest = Math.max(...Array.from(y!, Math.abs));
    y!.forEach((want: number, i: number) => {
      expect(Math.abs(x![i]! - want)).toBeLessThanOrEqual(1e-5 * largest);
    });
  });
});
