/**
 * Float networks of other people, from ONNX to integers: how near the integers come to the floats on samples that calibration has not
 * seen, with accuracy where there are labels, and the same bytes from C and WebAssembly. What comes quantized is in quantized.test.ts.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import { loadModel, type ModelSource } from "../../src/driver/model.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { carrying } from "../../src/exec/carrying-executor.ts";
import { createInterpreter, interpret } from "../../src/exec/interpreter.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";
import { around, dataset, evenly, images, type Data } from "./networks.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);

interface Bounds {
  readonly calibration: Data;
  readonly samples: Data;
  readonly count?: number;
  /** Of the outputs against the float network's, in dB, at least. */
  readonly sqnr: number;
  /** Share of samples with the float network's largest output, at least. */
  readonly agreement?: number;
  /** Labels and the share of them that is met, at least. */
  readonly labels?: string;
  readonly accuracy?: number;
  readonly shapes?: ModelSource["shapes"];
}

const noisy = (model: string): Pick<Bounds, "calibration" | "samples"> => ({
  calibration: around(`zoo/${model}`, 1),
  samples: around(`zoo/${model}`, 2),
});

const networks: Readonly<Record<string, Bounds>> = {
  autoencoder1d: { ...noisy("autoencoder1d"), sqnr: 42 },
  cct_1_16_16_8: { ...noisy("cct_1_16_16_8"), sqnr: 34, agreement: 1 },
  cifar10_cnn_fp32: {
    calibration: dataset("ic_jpeg", images),
    samples: dataset("ic_jpeg", images, "dev"),
    sqnr: 29,
    agreement: 0.98,
    labels: "datasets/ic_jpeg/dev/y.npy",
    accuracy: 0.72,
  },
  helloworld_keras2onnx: { calibration: evenly(0, 6.28), samples: evenly(0.1, 6.2), sqnr: 28 },
  mnist_14x14_atmega: { ...noisy("mnist_14x14_atmega"), sqnr: 42, agreement: 1 },
  mnist_cntk_opset8: {
    calibration: dataset("mnist", images),
    samples: dataset("mnist", images, "dev"),
    sqnr: 41,
    agreement: 0.999,
    labels: "datasets/mnist/dev/y.npy",
    accuracy: 0.985,
  },
  ppocr_direction_classifier: {
    ...noisy("ppocr_direction_classifier"),
    shapes: new Map([["x", [1, 3, 48, 192]]]),
    // Of noise it is hardly surer than a half: which side is largest says nothing.
    sqnr: 32,
  },
  speech_embedding: { ...noisy("speech_embedding"), count: 4, sqnr: 29 },
  transformer_deepquant: { ...noisy("transformer_deepquant"), sqnr: 23 },
  wakeword_hey_rhasspy: { ...noisy("wakeword_hey_rhasspy"), sqnr: 45 },
};

const sourceOf = (name: string, shapes?: ModelSource["shapes"]): ModelSource => ({
  file: "model.onnx",
  bytes: readFileSync(corpusFile(`models/zoo/${name}/model.onnx`)),
  ...(shapes === undefined ? {} : { shapes }),
});

describe.skipIf(!hasCorpus || compiler === undefined)("integers near floats", () => {
  test.each(Object.entries(networks))("%s", async (name, bounds) => {
    const model = sourceOf(name, bounds.shapes);
    const { files, options } = bounds.calibration;
    const compiled = await compile({ model, samples: files(), sampleOptions: options, name: "net" });
    const judged = bounds.samples;
    const result = await evaluate({
      graph: compiled.graph,
      engines: ["wasm-simd"],
      factories: nodeEngines,
      samples: openSamples(judged.files(), compiled.graph.inputs, {
        ...judged.options,
        ...(bounds.count === undefined ? {} : { limit: bounds.count }),
      }),
      reference: { graph: loadModel(model).graph },
      ...(bounds.labels === undefined
        ? {}
        : { labels: parseNpy(readFileSync(corpusFile(bounds.labels)), bounds.labels) }),
    });
    const [engine] = result.engines;
    expect(engine!.outputSqnrDb).toBeGreaterThanOrEqual(bounds.sqnr);
    if (bounds.agreement !== undefined)
      expect(engine!.agreement!.value).toBeGreaterThanOrEqual(bounds.agreement);
    if (bounds.accuracy !== undefined) expect(engine!.top1!.value).toBeGreaterThanOrEqual(bounds.accuracy);

    const equal = await evaluate({
      graph: compiled.graph,
      engines: ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples(judged.files(), compiled.graph.inputs, { ...judged.options, limit: 3 }),
    });
    expect(equal.byteEquality).toMatchObject({ equal: true, samples: 3, mismatches: [] });
  });
});

describe.skipIf(!hasCorpus)("silero_vad_v5, at the rate that --fix says, its state carried", () => {
  const model: ModelSource = {
    ...sourceOf("silero_vad_v5"),
    fixed: new Map([["sr", [16000]]]),
    shapes: new Map([
      ["input", [1, 512]],
      ["state", [2, 1, 128]],
    ]),
  };
  const file = (name: string): Tensor =>
    parseNpy(readFileSync(corpusFile(`models/zoo/silero_vad_v5/${name}`)), name);

  test("the float network gives the reference", () => {
    const outputs = interpret(loadModel(model).graph, [file("input_0.npy"), file("input_1.npy")]);
    outputs.forEach((output, o) => {
      const wanted = numbersOf(file(`output_${o}.npy`));
      numbersOf(output).forEach((x: number, i: number) => {
        expect(Math.abs(x - wanted[i]!)).toBeLessThan(1e-5);
      });
    });
  });

  test("integers stay near its probabilities", { timeout: 300_000 }, async () => {
    const carried = { ...model, states: new Map([["state", "stateN"]]) };
    const compiled = await compile({
      model: carried,
      samples: around("zoo/silero_vad_v5", 1).files(),
      name: "net",
    });
    const float = loadModel(carried).graph;
    const [integers, reals] = [compiled.graph, float].map((graph) =>
      carrying(createInterpreter(graph), graph),
    );
    const output = compiled.graph.outputs[0]!.type;
    let worst = 0;
    for (const [x] of openSamples(around("zoo/silero_vad_v5", 2).files(), float.callerInputs).batches()) {
      const [wanted] = reals!.run([x!]);
      const [found] = integers!.run([toStored(x!, compiled.graph.callerInputs[0]!.type)]);
      worst = Math.max(worst, Math.abs(numbersOf(toReal(found!, output))[0]! - numbersOf(wanted!)[0]!));
    }
    expect(worst).toBeLessThan(0.03);
    const equal = await evaluate({
      graph: compiled.graph,
      engines: ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples(around("zoo/silero_vad_v5", 2).files(), compiled.graph.callerInputs, { limit: 3 }),
    });
    expect(equal.byteEquality).toMatchObject({ equal: true, samples: 3, mismatches: [] });
  });

  test("without it the edge is named", () => {
    const { fixed, ...open } = model;
    expect(fixed).toBeDefined();
    expect(() => loadModel(open)).toThrow("'If' computes its condition");
  });
});

describe.skipIf(!hasCorpus)("declined, with what to do", () => {
  test("mini_mobilenetv2_requantshift", () => {
    let found: DiagnosticError | undefined;
    try {
      loadModel(sourceOf("mini_mobilenetv2_requantshift"));
    } catch (error) {
      if (error instanceof DiagnosticError) found = error;
    }
    const [first] = found?.diagnostics ?? [];
    expect(first?.subject).toContain('node "RequantShift_1" (RequantShift)');
    expect(first?.message).toContain("the operator 'RequantShift'");
    expect(first?.help).toContain("write the rescaling as QuantizeLinear and DequantizeLinear");
  });
});
