/**
 * Every network the compiler is made for, from ONNX to bytes: it compiles with the default options, nothing is left in floats, and
 * compiled C, scalar and SIMD WebAssembly give the same bytes, on every tensor where the interpreter is fast enough to say.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import { npyFromBytes, npyFromTensor, type NpyFile } from "../../src/driver/npy-file.ts";
import { openSamples, type SampleOptions } from "../../src/driver/samples.ts";
import { createRandom } from "../../src/pass/random.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { elementCount, numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);
if (compiler === undefined) console.warn("skipped: no C compiler");

const calibrationCount = 16;
const sampleCount = 3;
/** The interpreter takes tens of nanoseconds a multiply-accumulate. */
const interpretableMacs = 20e6;

interface Data {
  readonly files: () => NpyFile[];
  readonly options: SampleOptions;
}

const npy = (file: string): NpyFile => npyFromBytes(readFileSync(corpusFile(file)), file);

const dataset = (name: string, options: SampleOptions = {}): Data => ({
  files: () => [npy(`datasets/${name}/calib/x.npy`)],
  options,
});

/** Numbers over a range, for networks that come without data. */
const evenly = (min: number, max: number): Data => ({
  files: () => {
    const steps = calibrationCount - 1;
    const values = Array.from({ length: calibrationCount }, (_, i) =>
      Math.fround(min + ((max - min) * i) / steps),
    );
    return [npyFromTensor(tensor("f32", [calibrationCount, 1], values))];
  },
  options: {},
});

/** A network's own example with noise of a tenth of its range. */
const around = (model: string): Data => ({
  files: () => {
    const example = parseNpy(readFileSync(corpusFile(`models/${model}/input_0.npy`)), model);
    const shape = [calibrationCount, ...example.shape.slice(1)];
    const values = numbersOf(example);
    const largest = Math.max(...Array.from(values, Math.abs));
    const random = createRandom(1);
    const noisy = Array.from({ length: elementCount(shape) }, (_, i) =>
      Math.fround(values[i % values.length]! + (0.2 * random.uniform() - 0.1) * largest),
    );
    return [npyFromTensor(tensor("f32", shape, noisy))];
  },
  options: {},
});

const kws = dataset("kws", { mapping: { scale: 0.5847029089927673, zero: 83 } });
const images = { mapping: { scale: 1 / 255, zero: 0 } };
const machine = dataset("ad", { window: { frames: 5, hop: 50 } });

const networks: readonly (readonly [string, Data])[] = [
  ["ic/ic_fp32", dataset("ic_jpeg")],
  ["ic/ic_fp32_bn", dataset("ic_jpeg")],
  ["ic_large/ic_large_fp32", dataset("ic_jpeg")],
  ["kws/kws_fp32", kws],
  ["kws/kws_savedmodel_fp32_bn", kws],
  ["vww/vww_fp32", dataset("vww", images)],
  ["vww/vww_fp32_bn", dataset("vww", images)],
  ["ad/ad_fp32", machine],
  ["ad/ad_keras_fp32_bn", machine],
  ["sww/sww_fp32_bn", dataset("sww")],
  ["zoo/mnist_cnn_fp32/model", dataset("mnist", images)],
  ["zoo/mnist_resnet_fp32/model", dataset("mnist", images)],
  ["zoo/cifar10_cnn_fp32/model", dataset("ic_jpeg", images)],
  ["zoo/mobilenetv1_0.25_96_imagenet_fp32/model", dataset("vww", images)],
  ["zoo/sine_mlp_fp32/model", evenly(0, 6.28)],
  ["zoo/autoencoder1d/model", around("zoo/autoencoder1d")],
];

describe.skipIf(!hasCorpus || compiler === undefined)("from ONNX to equal bytes", () => {
  test.each(networks)("%s", async (model, { files, options }) => {
    const file = `${model}.onnx`;
    const bytes = readFileSync(corpusFile(`models/${file}`));
    const compiled = await compile({
      model: { file, bytes },
      samples: files(),
      sampleOptions: { ...options, limit: calibrationCount },
      name: "net",
    });
    expect([...compiled.files.keys()]).toEqual(
      expect.arrayContaining(["net.c", "net.h", "net.wasm", "net.mjs", "net.qir"]),
    );
    expect(compiled.report.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);

    const result = await evaluate({
      graph: compiled.graph,
      engines: ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples(files(), compiled.graph.inputs, { ...options, limit: sampleCount }),
      ...(compiled.report.macs <= interpretableMacs ? { checkIntermediates: 1 } : {}),
    });
    expect(result.byteEquality).toMatchObject({ equal: true, mismatches: [] });
    expect(result.byteEquality!.samples).toBeGreaterThanOrEqual(sampleCount);
    for (const { engine, tensors, differing } of result.intermediates ?? []) {
      expect(differing, engine).toEqual([]);
      expect(tensors, engine).toBeGreaterThanOrEqual(3);
    }
  });
});
