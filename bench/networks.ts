/** The networks of the studies, with their data: where they lie in the corpus and how samples become inputs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { npyOnDisk } from "../src/driver/node/files.ts";
import { calibrationSpread } from "../src/driver/calibration-spread.ts";
import { openSamples, type SampleOptions, type Samples } from "../src/driver/samples.ts";
import { loadModel } from "../src/driver/model.ts";
import type { Graph, Range } from "../src/ir/graph.ts";
import { parseNpy } from "../src/tensor/npy.ts";
import { numbersOf } from "../src/tensor/tensor.ts";

export interface StudyNetwork {
  readonly name: string;
  readonly model: string;
  readonly data: string;
  readonly options: SampleOptions;
  /** Of `dev`, evenly spaced: what two shared cores run in minutes. */
  readonly mostSamples: number;
  /** Consecutive samples of one recording, for an autoencoder's scores. */
  readonly group?: number;
  /** Of a network that keeps its batch normalizations: all that is stated of it where it is quantized without samples. */
  readonly inputRange?: Range;
}

const pixels: SampleOptions = { mapping: { scale: 1 / 255, zero: 0 } };
const cepstra: SampleOptions = { mapping: { scale: 0.5847029089927673, zero: 83 } };
const recordings: SampleOptions = { window: { frames: 5, hop: 1 } };

export const networks: readonly StudyNetwork[] = [
  { name: "ic", model: "ic/ic_fp32.onnx", data: "ic_jpeg", options: {}, mostSamples: 1000 },
  {
    name: "kws",
    model: "kws/kws_fp32.onnx",
    data: "kws",
    options: cepstra,
    mostSamples: 450,
  },
  { name: "vww", model: "vww/vww_fp32.onnx", data: "vww", options: pixels, mostSamples: 450 },
  {
    name: "mnist",
    model: "zoo/mnist_cnn_fp32/model.onnx",
    data: "mnist",
    options: pixels,
    mostSamples: 5000,
  },
  {
    name: "ad",
    model: "ad/ad_fp32.onnx",
    data: "ad",
    options: recordings,
    mostSamples: Infinity,
    group: 196,
  },
  {
    name: "ic_large",
    model: "ic_large/ic_large_fp32.onnx",
    data: "ic_jpeg",
    options: {},
    mostSamples: 2925,
  },
  {
    name: "ic_bn",
    model: "ic/ic_fp32_bn.onnx",
    data: "ic_jpeg",
    options: {},
    mostSamples: 2925,
    inputRange: { min: 0, max: 255 },
  },
  {
    name: "kws_bn",
    model: "kws/kws_savedmodel_fp32_bn.onnx",
    data: "kws",
    options: cepstra,
    mostSamples: 450,
    // All that the features' integers of eight bits can be.
    inputRange: { min: -211 * 0.5847029089927673, max: 44 * 0.5847029089927673 },
  },
  {
    name: "vww_bn",
    model: "vww/vww_fp32_bn.onnx",
    data: "vww",
    options: pixels,
    mostSamples: 450,
    inputRange: { min: 0, max: 1 },
  },
  {
    name: "sww_bn",
    model: "sww/sww_fp32_bn.onnx",
    data: "sww",
    options: {},
    mostSamples: 15,
    // As the exporter's integers have it.
    inputRange: { min: 0, max: 255 * 0.00370104 },
  },
  {
    name: "ad_bn",
    model: "ad/ad_keras_fp32_bn.onnx",
    data: "ad",
    options: recordings,
    mostSamples: Infinity,
    group: 196,
    // As the exporter's integers have it, in decibels.
    inputRange: { min: -217 * 0.39101523, max: 38 * 0.39101523 },
  },
];

export class Corpus {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  graph({ model }: StudyNetwork): Graph {
    return loadModel({ file: model, bytes: readFileSync(join(this.#root, "models", model)) }).graph;
  }

  calibration({ data, options }: StudyNetwork, graph: Graph, spread = calibrationSpread(graph)): Samples {
    const file = npyOnDisk(join(this.#root, "datasets", data, "calib", "x.npy"));
    return openSamples([file], graph.inputs, { ...options, spread });
  }

  /** Evenly spaced, as files may be sorted. */
  evaluation({ data, options, mostSamples }: StudyNetwork, { inputs }: Graph): Samples {
    const file = npyOnDisk(join(this.#root, "datasets", data, "dev", "x.npy"));
    return openSamples([file], inputs, { ...options, spread: { samples: mostSamples, elements: 0 } });
  }

  /** Of `count` samples, evenly spaced; of all recordings. */
  labels({ data, group }: StudyNetwork, count: number): number[] {
    const file = join(this.#root, "datasets", data, "dev", "y.npy");
    const all = numbersOf(parseNpy(readFileSync(file), file));
    if (group !== undefined) return Array.from(all);
    return Array.from({ length: count }, (_, n) => all[Math.floor((n * all.length) / count)]!);
  }
}
