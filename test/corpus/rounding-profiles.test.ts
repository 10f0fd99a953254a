/**
 * The int8 networks of MLPerf Tiny under the roundings of TensorFlow Lite, from ONNX and from TFLite, without samples, against outputs that
 * an independent implementation of its integer rules gave (`ref_int8.npy`); and what our own rounding makes of them.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { compile } from "../../src/driver/compile.ts";
import { createEngine, type EngineName } from "../../src/driver/engines.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { RoundingProfile } from "../../src/numerics/rounding-profile.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { transposeTensor } from "../../src/tensor/transpose.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);

const formats = ["_int8.tflite", "_int8_qdq.onnx"] as const;

async function compiled(file: string, rounding: RoundingProfile): Promise<Graph> {
  const model = { file, bytes: readFileSync(corpusFile(`models/${file}`)) };
  return (await compile({ model, targets: [], rounding })).graph;
}

const read = (dataset: string, file: string): Tensor =>
  parseNpy(readFileSync(corpusFile(`datasets/${dataset}/dev/${file}`)), file);

/** The real that a number of the dataset stands for (its meta.json). */
const reals: Readonly<Record<string, (x: number) => number>> = {
  ic: (x) => x,
  ic_jpeg: (x) => x,
  vww: (x) => x / 255,
  kws: (x) => (x - 83) * 0.5847029089927673,
  sww: (x) => x,
};

/** The samples as stored integers, in the layout of the graph's input: NCHW in ONNX, NHWC in TFLite. */
function storedSamples(dataset: string, { inputs: [input] }: Graph): Tensor[] {
  const x = read(dataset, "x.npy");
  const shape = [1, ...x.shape.slice(1)];
  const size = elementCount(shape);
  const { type } = input!;
  return Array.from({ length: x.shape[0]! }, (_, n) => {
    const numbers = Array.from(numbersOf(x).slice(n * size, (n + 1) * size), reals[dataset]!);
    const sample = tensor("f64", shape, numbers);
    const isMoved = shape.join() !== type.shape.join();
    return toStored(isMoved ? transposeTensor(sample, [0, 2, 3, 1]) : sample, type);
  });
}

async function outputsOf(graph: Graph, samples: readonly Tensor[], name: EngineName = "wasm-simd") {
  const engine = await createEngine(name, graph, nodeEngines);
  try {
    return samples.map((sample) => Array.from(numbersOf(engine.run([sample])[0]!)));
  } finally {
    engine.dispose();
  }
}

const largestOf = (outputs: readonly number[]): number => outputs.indexOf(Math.max(...outputs));

function rowsOf({ shape, data }: Tensor): number[][] {
  const size = elementCount(shape.slice(1));
  return Array.from({ length: shape[0]! }, (_, n) =>
    Array.from(data.slice(n * size, (n + 1) * size), Number),
  );
}

const share = (count: number, of: number): number => count / of;

function judge(found: readonly number[][], dataset: string) {
  const wanted = rowsOf(read(dataset, "ref_int8.npy"));
  const labels = Array.from(numbersOf(read(dataset, "y.npy")));
  const classes = found.map(largestOf);
  const steps = found.flatMap((row, n) => row.map((q, i) => Math.abs(q - wanted[n]![i]!)));
  const accuracyOf = (all: readonly number[]): number =>
    share(all.filter((c, n) => c === labels[n]).length, labels.length);
  return {
    samples: found.length,
    agreement: share(classes.filter((c, n) => c === largestOf(wanted[n]!)).length, classes.length),
    worstSteps: Math.max(...steps),
    equal: share(steps.filter((step) => step === 0).length, steps.length),
    accuracy: accuracyOf(classes),
    official: accuracyOf(wanted.map(largestOf)),
  };
}

describe.skipIf(!hasCorpus)("classifiers under tflite-double", () => {
  const networks = ["kws", "vww", "ic", "sww"].flatMap((name) => formats.map((f) => [name, f] as const));

  test.each(networks)(
    "%s%s: the reference's arg-max on every sample, within one step",
    async (name, format) => {
      const graph = await compiled(`${name}/${name}${format}`, "tflite-double");
      const samples = storedSamples(name, graph);
      const found = await outputsOf(graph, samples);
      const { agreement, worstSteps, equal, accuracy, official } = judge(found, name);
      expect(agreement).toBe(1);
      expect(worstSteps).toBeLessThanOrEqual(1);
      // Softmax aside, whose reference was computed in reals, there is nothing to differ by.
      expect(equal).toBeGreaterThanOrEqual(0.999);
      expect(accuracy).toBe(official);
    },
  );

  test.skipIf(compiler === undefined).each(networks)(
    "%s%s: the same in C and scalar WebAssembly",
    async (name, format) => {
      const graph = await compiled(`${name}/${name}${format}`, "tflite-double");
      const samples = storedSamples(name, graph).slice(0, 12);
      const [simd, scalar, c] = [
        await outputsOf(graph, samples),
        await outputsOf(graph, samples, "wasm-scalar"),
        await outputsOf(graph, samples, "c"),
      ];
      expect(scalar).toEqual(simd);
      expect(c).toEqual(simd);
    },
  );

  test("ic on 2,925 other images", async () => {
    const graph = await compiled("ic/ic_int8.tflite", "tflite-double");
    const found = judge(await outputsOf(graph, storedSamples("ic_jpeg", graph)), "ic_jpeg");
    expect(found).toMatchObject({ samples: 2925, agreement: 1 });
    expect(found.worstSteps).toBeLessThanOrEqual(1);
  });

  test("ic_large, which has no reference: ONNX and TFLite give equal bytes, and the accuracy known", async () => {
    const [lite, onnx] = await Promise.all(
      formats.map(async (format) => {
        const graph = await compiled(`ic_large/ic_large${format}`, "tflite-double");
        return outputsOf(graph, storedSamples("ic", graph));
      }),
    );
    expect(onnx).toEqual(lite);
    const labels = Array.from(numbersOf(read("ic", "y.npy")));
    const correct = lite!.filter((row, n) => largestOf(row) === labels[n]).length;
    expect(Math.abs(share(correct, labels.length) - 0.9417)).toBeLessThanOrEqual(0.01);
  });
});

describe.skipIf(!hasCorpus)("classifiers under our own rounding", () => {
  test.each([
    ["kws", "kws", 0.01],
    ["vww", "vww", 0.01],
    ["sww", "sww", 0.01],
    ["ic", "ic_jpeg", 0.01],
    // 120 samples, of which 4 differ: the next test.
    ["ic", "ic", 0.03],
  ] as const)("%s on %s", async (name, dataset, tolerance) => {
    const graph = await compiled(`${name}/${name}_int8.tflite`, "default");
    const { accuracy, official, agreement } = judge(
      await outputsOf(graph, storedSamples(dataset, graph)),
      dataset,
    );
    expect(agreement).toBeGreaterThanOrEqual(0.95);
    expect(Math.abs(accuracy - official)).toBeLessThanOrEqual(tolerance);
  });
});

describe.skipIf(!hasCorpus)("why ic's 120 images lose three by our own rounding", () => {
  test("where the answers differ, one of the two has no single largest output", async () => {
    const graph = await compiled("ic/ic_int8.tflite", "default");
    const found = await outputsOf(graph, storedSamples("ic", graph));
    const wanted = rowsOf(read("ic", "ref_int8.npy"));
    const isTied = (row: readonly number[]): boolean => row.filter((q) => q === Math.max(...row)).length > 1;
    const differing = found.flatMap((row, n) => (largestOf(row) === largestOf(wanted[n]!) ? [] : [n]));
    expect(differing).toHaveLength(4);
    // Eight bits give two classes one number, and the first of them is taken for the answer.
    for (const n of differing) expect(isTied(found[n]!) || isTied(wanted[n]!), `image ${n}`).toBe(true);
  });
});

describe.skipIf(!hasCorpus)("anomaly detection", () => {
  const [frames, rows, width, windows] = [5, 200, 128, 196];

  /** The mean over a recording's windows of the mean squared error. */
  async function scoresOf(file: string, rounding: RoundingProfile): Promise<number[]> {
    const graph = await compiled(file, rounding);
    const [input, output] = [graph.inputs[0]!.type, graph.outputs[0]!.type];
    const engine = await createEngine("wasm-simd", graph, nodeEngines);
    const x = read("ad", "x.npy");
    const all = numbersOf(x);
    const size = frames * width;
    const scores = Array.from({ length: x.shape[0]! }, (_, recording) => {
      let total = 0;
      for (let w = 0; w < windows; w++) {
        const first = (recording * rows + w) * width;
        const real = tensor("f32", [1, size], Float32Array.from(all.slice(first, first + size)));
        const found = numbersOf(toReal(engine.run([toStored(real, input)])[0]!, output));
        numbersOf(real).forEach((v: number, i: number) => (total += (v - found[i]!) * (v - found[i]!)));
      }
      return total / size / windows;
    });
    engine.dispose();
    return scores;
  }

  function areaUnderCurve(scores: readonly number[], labels: ArrayLike<number>): number {
    const [normal, odd] = [0, 1].map((label) => scores.filter((_, i) => labels[i] === label)) as [
      number[],
      number[],
    ];
    const wins = odd.flatMap((a) => normal.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
    return wins.reduce((sum: number, win) => sum + win, 0) / wins.length;
  }

  test.each(formats)(
    "ad%s: every recording's score within 1e-3 of the reference's under tflite-double",
    async (format) => {
      const scores = await scoresOf(`ad/ad${format}`, "tflite-double");
      const wanted = numbersOf(read("ad", "ref_int8_score.npy"));
      const errors = scores.map((score, i) => Math.abs(score - wanted[i]!) / wanted[i]!);
      expect(errors).toHaveLength(141);
      expect(Math.max(...errors)).toBeLessThanOrEqual(1e-3);
    },
  );

  test("its AUC within 0.01 under our own rounding", async () => {
    const scores = await scoresOf("ad/ad_int8.tflite", "default");
    const labels = numbersOf(read("ad", "y.npy"));
    const official = areaUnderCurve(Array.from(numbersOf(read("ad", "ref_int8_score.npy"))), labels);
    expect(Math.abs(areaUnderCurve(scores, labels) - official)).toBeLessThanOrEqual(0.01);
  });
});
