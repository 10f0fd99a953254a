/** Bias correction and wide outputs: what they promise on networks small enough to know. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { coreEngines, measuringExecutor } from "../../src/driver/engines.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext, type PassContext } from "../../src/pass/pass.ts";
import { normalDensity, normalShareBelow } from "../../src/numerics/gaussian.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays, type SampleSource } from "../../src/pass/samples.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { normalNumbers } from "../numerics/normal.ts";

const random = createRandom(9);
const list = (count: number): string =>
  Array.from({ length: count }, () => (2 * random.uniform() - 1).toFixed(4)).join(", ");
const matrix = (rows: number, columns: number): string =>
  `[${Array.from({ length: rows }, () => `[${list(columns)}]`).join(", ")}]`;

/** Three layers, coarse weights, inputs with a mean far from zero. */
const text = `graph @net(%x: tensor<1x8xf32>) {
  %w0 = constant {value = dense<${matrix(8, 8)}>} : tensor<8x8xf32>
  %b0 = constant {value = dense<[${list(8)}]>} : tensor<8xf32>
  %l0 = linear %x, %w0, %b0 : tensor<1x8xf32>
  %r0 = relu %l0 : tensor<1x8xf32>
  %w1 = constant {value = dense<${matrix(8, 8)}>} : tensor<8x8xf32>
  %b1 = constant {value = dense<[${list(8)}]>} : tensor<8xf32>
  %l1 = linear %r0, %w1, %b1 : tensor<1x8xf32>
  %r1 = relu %l1 : tensor<1x8xf32>
  %w2 = constant {value = dense<${matrix(4, 8)}>} : tensor<4x8xf32>
  %b2 = constant {value = dense<[${list(4)}]>} : tensor<4xf32>
  %y = linear %r1, %w2, %b2 : tensor<1x4xf32>
  return %y
}`;
const net = (): Graph => parseGraph(text, { file: "net.qir" });
const samplesOf = (values: readonly (readonly number[])[]): SampleSource =>
  samplesFromArrays([tensor("f32", [values.length, 8], Float32Array.from(values.flat()))], [[1, 8]]);
const samples = samplesOf(
  Array.from({ length: 60 }, () => Array.from({ length: 8 }, () => random.uniform())),
);

const run = async (graph: Graph, pipeline: string, parts: Partial<PassContext> = {}): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples, ...parts }),
  );

/** Mean of each channel of the named values over the samples that were not held out. */
function means(graph: Graph, names: readonly string[]): Map<string, number[]> {
  const sums = new Map(names.map((name): [string, number[]] => [name, []]));
  const executor = createInterpreter(graph);
  let [index, used] = [0, 0];
  for (const sample of samples.batches()) {
    if (index++ % 5 === 4) continue;
    used++;
    executor.run(sample, (name, values) => {
      numbersOf(values).forEach((x: number, c: number) => {
        const sum = sums.get(name);
        if (sum !== undefined) sum[c] = (sum[c] ?? 0) + x;
      });
    });
  }
  return new Map([...sums].map(([name, sum]) => [name, sum.map((s) => s / used)]));
}
const biases = (graph: Graph): { name: string; scale: readonly number[]; values: number[] }[] =>
  graph.values
    .filter(({ type, users }) => type.element === "i32" && users.size > 0)
    .map((value) => ({
      name: value.name,
      scale: value.type.quantization!.scale,
      values: Array.from(numbersOf(constantOf(value)!)),
    }));

const quantized = "calibrate{method=minmax}, insert-fake-quantization{bits=3}";

describe("correct-bias", () => {
  test("each layer's means are the real ones, to a step of the bias", async () => {
    const names = ["l0", "l1", "y"];
    const real = means(net(), names);
    const graph = net();
    await run(graph, quantized);
    // `y` is what is stored there.
    const layers = ["l0", "l1", "y_real"];
    const steps = biases(graph).map(({ scale }) => scale);
    const worst = (found: Map<string, number[]>): number =>
      Math.max(
        ...layers.flatMap((layer, l) =>
          found.get(layer)!.map((mean, c) => Math.abs(mean - real.get(names[l]!)![c]!) / steps[l]![c]!),
        ),
      );
    expect(worst(means(graph, layers))).toBeGreaterThan(5);
    const corrected = net();
    const records = await run(corrected, `${quantized}, correct-bias`);
    expect(records.at(-1)!.statistics).toEqual({ corrected: 3 });
    expect(worst(means(corrected, layers))).toBeLessThan(1);
  });

  test("compiled WebAssembly corrects by the same integers", async () => {
    const [interpreted, compiled] = [net(), net()];
    await run(interpreted, `${quantized}, correct-bias`);
    await run(compiled, `${quantized}, correct-bias`, { executor: measuringExecutor });
    expect(Object.keys(coreEngines)).toContain("wasm-simd");
    expect(biases(compiled)).toEqual(biases(interpreted));
  });

  test("withdraws when the samples held out say so", async () => {
    // Every fifth sample is far from the others: what helps those harms it.
    const odd = samplesOf(
      Array.from({ length: 40 }, (_, n) =>
        Array.from({ length: 8 }, (__, c) => (n % 5 === 4 ? -1 : 1) * (1 + ((n + c) % 3) / 4)),
      ),
    );
    const [graph, before] = [net(), net()];
    const records = await run(graph, `${quantized}, correct-bias`, { samples: odd });
    await run(before, quantized, { samples: odd });
    const record = records.at(-1)!;
    const summary = record.findings[0]!;
    expect(summary["after dB"]).toBeLessThan(summary["before dB"] as number);
    expect(record.statistics).toEqual({ withdrawn: 3 });
    expect(biases(graph)).toEqual(biases(before));
  });

  test("needs the real network of the same run", async () => {
    const graph = net();
    await run(graph, quantized);
    await expect(run(graph, "correct-bias")).rejects.toMatchObject({
      diagnostics: [{ code: "no-real-graph" }],
    });
  });
});

describe("correct-bias{data=none}", () => {
  /** %n is what a normalization gives: its elements are exactly normal below. */
  const channels = {
    axis: 1,
    mean: [0.3, -0.5, 1, 0, 2, -1, 0.1, 0.7],
    deviation: [1, 2, 0.5, 1, 0.3, 1, 3, 0.2],
  };
  const normalized = (): PassContext["normalized"] => new Map([["n", channels]]);
  const free = `graph @net(%x: tensor<1x8xf32> range [-20, 20]) {
  %n = reshape %x {shape = [1, 8]} : tensor<1x8xf32>
  %r = relu %n : tensor<1x8xf32> range [0, 20]
  %w = constant {value = dense<${matrix(6, 8)}>} : tensor<6x8xf32>
  %b = constant {value = dense<[${list(6)}]>} : tensor<6xf32>
  %y = linear %r, %w, %b : tensor<1x6xf32> range [-20, 20]
  return %y
}`;
  const apart = async (pipeline: string): Promise<{ graph: Graph; records: PassRecord[] }> => {
    const graph = parseGraph(free, { file: "free.qir" });
    const context = createContext({ normalized: normalized() });
    return { graph, records: await runPipeline(graph, parsePipeline(pipeline), passes, context) };
  };
  const weightsOf = (graph: Graph, stored: boolean): Float64Array => {
    const { type, producer } = graph.values.find(({ name }) => name === "w")!;
    const integers = numbersOf(constantOf(producer!.result)!);
    return Float64Array.from(integers, (w, i) =>
      stored ? w * type.quantization!.scale[Math.floor(i / 8)]! : w,
    );
  };
  /** Of %y over inputs that are normal. */
  const meansOf = (graph: Graph, name: string): number[] => {
    const normal = normalNumbers(3);
    const executor = createInterpreter(graph);
    const sums = Array<number>(6).fill(0);
    for (let n = 0; n < 20_000; n++) {
      const x = channels.mean.map((mean, c) => mean + channels.deviation[c]! * normal());
      executor.run([tensor("f32", [1, 8], x)], (value, values) => {
        if (value === name) numbersOf(values).forEach((y: number, o: number) => (sums[o]! += y / 20_000));
      });
    }
    return sums;
  };

  test("a layer whose inputs are normal gets its mean back, without samples", async () => {
    const quantizing = "insert-fake-quantization{bits=3}";
    const real = meansOf(parseGraph(free, { file: "free.qir" }), "y");
    const [plain, corrected] = [
      await apart(quantizing),
      await apart(`${quantizing}, correct-bias{data=none}`),
    ];
    expect(corrected.records.at(-1)!.statistics).toEqual({ corrected: 1 });
    expect(corrected.records.at(-1)!.findings[0]).toEqual({ summary: "data-free: not judged" });
    const worst = ({ graph }: { graph: Graph }): number =>
      Math.max(...meansOf(graph, "y_real").map((mean, o) => Math.abs(mean - real[o]!)));
    // The same inputs go to all three, so that most of the chance in them cancels: what is left of it, and of rounded inputs.
    expect(worst(plain)).toBeGreaterThan(0.1);
    expect(worst(corrected)).toBeLessThan(0.03);
  });

  test("by exactly (W - Ŵ) E[x], to half a step of the bias", async () => {
    const plain = await apart("insert-fake-quantization{bits=3}");
    const { graph } = await apart("insert-fake-quantization{bits=3}, correct-bias{data=none}");
    const real = weightsOf(parseGraph(free, { file: "free.qir" }), false);
    const stored = weightsOf(graph, true);
    const expected = channels.mean.map((beta, c) => {
      const gamma = channels.deviation[c]!;
      return beta * normalShareBelow(beta / gamma) + gamma * normalDensity(beta / gamma);
    });
    const own = constantOf(parseGraph(free, { file: "free.qir" }).values.find(({ name }) => name === "b"))!;
    expect(biases(graph)).not.toEqual(biases(plain.graph));
    const { scale, values } = biases(graph)[0]!;
    values.forEach((b, o) => {
      const moved = expected.reduce(
        (sum, mean, k) => sum + (real[8 * o + k]! - stored[8 * o + k]!) * mean,
        numbersOf(own)[o]!,
      );
      expect(Math.abs(b * scale[o]! - moved)).toBeLessThan((0.5 + 1e-3) * scale[o]!);
    });
  });

  test("looks at no samples, even where there are some", async () => {
    const pipeline = "insert-fake-quantization{bits=3}, correct-bias{data=none}";
    const { graph: without } = await apart(pipeline);
    const beside = parseGraph(free, { file: "free.qir" });
    const records = await run(beside, pipeline, { normalized: normalized() });
    expect(biases(beside)).toEqual(biases(without));
    expect(records.at(-1)!.findings[0]).toEqual({ summary: "data-free: not judged" });
  });

  test("of what reads an input nothing is known: left alone", async () => {
    const graph = net();
    const before = net();
    const records = await run(graph, `${quantized}, correct-bias{data=none}`);
    await run(before, quantized);
    expect(records.at(-1)!.statistics).toEqual({ "left alone": 3 });
    expect(biases(graph)).toEqual(biases(before));
  });

  test("without samples and not told to do without, it says how", async () => {
    await expect(
      runPipeline(net(), parsePipeline("correct-bias"), passes, createContext()),
    ).rejects.toMatchObject({
      diagnostics: [
        {
          code: "no-samples",
          help: "give some with --calibrate X.npy, or apply it unjudged: correct-bias{data=none}",
        },
      ],
    });
  });
});

describe("widen-outputs", () => {
  /** One output rounded far more coarsely than all before: its range is a hundred times what most samples give. */
  const spiky = samplesOf(
    Array.from({ length: 60 }, (_, n) =>
      Array.from({ length: 8 }, () => (n === 0 ? 40 : 1) * random.uniform()),
    ),
  );
  const pipeline = "calibrate, insert-fake-quantization, widen-outputs";
  const own = `graph @f(%x: tensor<1x8xf32>) {
    %w = constant {value = dense<[[1, 1, 1, 1, 1, 1, 1, 1]]>} : tensor<1x8xf32>
    %y = linear %x, %w : tensor<1x1xf32>
    return %y
  }`;
  const integers = new Map([["x", { element: "i8" as const, scale: 1 / 128, zero: 0 }]]);

  test("sixteen bits where the last rounding dominates, through to integers", async () => {
    // Inputs that are integers are exact, and so are the weights: only the output is rounded.
    const exact = samplesOf(
      Array.from({ length: 20 }, (_, n) =>
        Array.from({ length: 8 }, (__, c) => ((7 * n + 13 * c) % 100) / 128),
      ),
    );
    const graph = parseGraph(own, { file: "f.qir" });
    const records = await run(graph, `${pipeline}, requantize, check-integer-only, bound-accumulators`, {
      samples: exact,
      inputQuantization: integers,
    });
    expect(records.find(({ pass }) => pass === "widen-outputs")!.statistics).toEqual({ widened: 1 });
    const [output] = graph.outputs;
    expect(output!.name).toBe("y");
    expect(output!.type.element).toBe("i16");
    const { scale, zero } = output!.type.quantization!;
    for (const engine of ["interpreter", "wasm-scalar", "wasm-simd"] as const) {
      const executor = await coreEngines[engine]!(graph, {});
      for (const [x] of exact.batches()) {
        const reals = Array.from(numbersOf(x!));
        const stored = tensor(
          "i8",
          [1, 8],
          reals.map((r) => Math.round(r * 128)),
        );
        const y = scale[0]! * (Number(executor.run([stored])[0]!.data[0]) - zero[0]!);
        expect(Math.abs(y - reals.reduce((sum, r) => sum + r, 0))).toBeLessThan(scale[0]!);
      }
      executor.dispose();
    }
  });

  test("eight bits where the network's own error is larger", async () => {
    const graph = net();
    const records = await run(graph, "calibrate, insert-fake-quantization{bits=3}, widen-outputs", {
      samples: spiky,
    });
    expect(records.at(-1)!.statistics).toEqual({});
    expect(records.at(-1)!.findings[0]).toMatchObject({ bits: 8 });
  });
});
