/** The networks the compiler is made for, each with numbers to calibrate it on. */
import { readFileSync } from "node:fs";
import { npyFromBytes, npyFromTensor, type NpyFile } from "../../src/driver/npy-file.ts";
import type { SampleOptions } from "../../src/driver/samples.ts";
import { createRandom } from "../../src/pass/random.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { elementCount, numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { corpusFile } from "../shared-corpus.ts";

export const calibrationCount = 16;
export interface Data {
  readonly files: () => NpyFile[];
  readonly options: SampleOptions;
}

export const npy = (file: string): NpyFile => npyFromBytes(readFileSync(corpusFile(file)), file);

export const dataset = (name: string, options: SampleOptions = {}, part = "calib"): Data => ({
  files: () => [npy(`datasets/${name}/${part}/x.npy`)],
  options,
});

/** Numbers over a range, for networks that come without data. */
export const evenly = (min: number, max: number): Data => ({
  files: () => {
    const steps = calibrationCount - 1;
    const values = Array.from({ length: calibrationCount }, (_, i) =>
      Math.fround(min + ((max - min) * i) / steps),
    );
    return [npyFromTensor(tensor("f32", [calibrationCount, 1], values))];
  },
  options: {},
});

/** A network's own example with noise of a tenth of its range, other noise for another seed. */
export const around = (model: string, seed = 1): Data => ({
  files: () => {
    const example = parseNpy(readFileSync(corpusFile(`models/${model}/input_0.npy`)), model);
    const shape = [calibrationCount, ...example.shape.slice(1)];
    const values = numbersOf(example);
    const largest = Math.max(...Array.from(values, Math.abs));
    const random = createRandom(seed);
    const noisy = Array.from({ length: elementCount(shape) }, (_, i) =>
      Math.fround(values[i % values.length]! + (0.2 * random.uniform() - 0.1) * largest),
    );
    return [npyFromTensor(tensor("f32", shape, noisy))];
  },
  options: {},
});

const kws = dataset("kws", { mapping: { scale: 0.5847029089927673, zero: 83 } });
export const images = { mapping: { scale: 1 / 255, zero: 0 } };
const machine = dataset("ad", { window: { frames: 5, hop: 50 } });

export const networks: readonly (readonly [string, Data])[] = [
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
