/** The networks that studies measure on, with their data (QUERN_CORPUS, or ../shared). */
import path from "node:path";
import { compile, type Compiled } from "../../src/driver/compile.ts";
import { evaluate, type Evaluation } from "../../src/driver/evaluate.ts";
import { npyOnDisk, readModel } from "../../src/driver/node/files.ts";
import { openSamples, type SampleOptions } from "../../src/driver/samples.ts";
import { loadModel } from "../../src/driver/model.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { readFileSync } from "node:fs";

const folder = process.env["QUERN_CORPUS"] ?? path.resolve("../shared");

export interface Network {
  readonly name: string;
  readonly model: string;
  readonly data: string;
  readonly options: SampleOptions;
  /** Area under the curve over recordings of so many windows, instead of accuracy. */
  readonly recordingWindows?: number;
}

const file = (name: string): string => path.join(folder, name);

export const networks: readonly Network[] = [
  { name: "ic", model: "models/ic/ic_fp32.onnx", data: "ic_jpeg", options: {} },
  {
    name: "kws",
    model: "models/kws/kws_fp32.onnx",
    data: "kws",
    options: { mapping: { scale: 0.5847029089927673, zero: 83 } },
  },
  { name: "vww", model: "models/vww/vww_fp32.onnx", data: "vww", options: { mapping: { scale: 1 / 255 } } },
  {
    name: "ad",
    model: "models/ad/ad_fp32.onnx",
    data: "ad",
    options: { window: { frames: 5, hop: 1 } },
    recordingWindows: 196,
  },
  { name: "ic_large", model: "models/ic_large/ic_large_fp32.onnx", data: "ic_jpeg", options: {} },
];

export const networkNamed = (name: string): Network => {
  const found = networks.find((network) => network.name === name);
  if (found === undefined)
    throw new Error(`no network ${name}; there are ${networks.map((n) => n.name).join(", ")}`);
  return found;
};

export interface Scored {
  /** Top-1 on dev, or the area under the curve. */
  readonly score: number;
  /** Wilson's interval of top-1. */
  readonly interval?: readonly [low: number, high: number];
  /** With the float network, not pruned. */
  readonly agreement?: number;
  readonly compiled: Compiled;
}

/** Compiles with a pipeline and judges the integers on dev. */
export async function scored(network: Network, pipeline: string): Promise<Scored> {
  const model = readModel(file(network.model));
  const compiled = await compile({
    model,
    samples: [npyOnDisk(file(`datasets/${network.data}/calib/x.npy`))],
    sampleOptions: network.options,
    targets: [],
    pipeline,
  });
  const { engines } = await evaluateOn(network, compiled.graph);
  const { top1, auc, agreement } = engines[0]!;
  return {
    score: top1?.value ?? auc?.value ?? NaN,
    ...(top1 === undefined ? {} : { interval: top1.interval }),
    ...(agreement === undefined ? {} : { agreement: agreement.value }),
    compiled,
  };
}

const evaluateOn = (network: Network, graph: Compiled["graph"]): Promise<Evaluation> =>
  evaluate({
    graph,
    engines: ["wasm-simd"],
    samples: openSamples(
      [npyOnDisk(file(`datasets/${network.data}/dev/x.npy`))],
      graph.inputs,
      network.options,
    ),
    labels: parseNpy(readFileSync(file(`datasets/${network.data}/dev/y.npy`)), "y.npy"),
    ...(network.recordingWindows === undefined
      ? {}
      : { metric: "mse-auc" as const, group: network.recordingWindows }),
    reference: { graph: loadModel(readModel(file(network.model))).graph },
  });
