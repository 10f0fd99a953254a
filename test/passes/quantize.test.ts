/** The road from a real graph to integers, on a network with every kind of integer form. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { pipelines } from "../../passes/pipelines.ts";
import { interpret, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext, type PassContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays, type SampleSource } from "../../src/pass/samples.ts";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { parseGraphs } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { printGraph } from "../../src/text/print.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

const random = createRandom(3);
const uniform = (count: number, low: number, high: number): Float32Array =>
  Float32Array.from({ length: count }, () => low + (high - low) * random.uniform());
const dense = (count: number, scale: number): string => [...uniform(count, -scale, scale)].join(", ");

/** NCHW as exporters write it: a transposition around every image operator. */
const text = `graph @net(%x: tensor<1x2x6x6xf32>) {
  %w0 = constant {value = dense<[${Array.from({ length: 4 }, () => `[${Array.from({ length: 3 }, () => `[${Array.from({ length: 3 }, () => `[${dense(2, 0.5)}]`).join(", ")}]`).join(", ")}]`).join(", ")}]>} : tensor<4x3x3x2xf32>
  %b0 = constant {value = dense<[${dense(4, 0.5)}]>} : tensor<4xf32>
  %gamma = constant {value = dense<[1, 0.5, 2, 1.5]>} : tensor<4xf32>
  %mean = constant {value = dense<[0.1, -0.1, 0, 0.2]>} : tensor<4xf32>
  %t0 = transpose %x {permutation = [0, 2, 3, 1]} : tensor<1x6x6x2xf32>
  %c0 = conv2d %t0, %w0, %b0 {pads = [1, 1, 1, 1]} : tensor<1x6x6x4xf32> loc "conv0"
  %t1 = transpose %c0 {permutation = [0, 3, 1, 2]} : tensor<1x4x6x6xf32>
  %n0 = batch_norm %t1, %gamma, %mean, %mean, %gamma {axis = 1} : tensor<1x4x6x6xf32> loc "bn0"
  %r0 = clip %n0 {min = 0, max = 1.5} : tensor<1x4x6x6xf32> loc "relu0"
  %t2 = transpose %r0 {permutation = [0, 2, 3, 1]} : tensor<1x6x6x4xf32>
  %w1 = constant {value = dense<[${Array.from({ length: 4 }, () => `[[[${dense(1, 1)}]]]`).join(", ")}]>} : tensor<4x1x1x1xf32>
  %c1 = conv2d %t2, %w1 {groups = 4} : tensor<1x6x6x4xf32> loc "depthwise"
  %t3 = transpose %c1 {permutation = [0, 3, 1, 2]} : tensor<1x4x6x6xf32>
  %h = tanh %t3 : tensor<1x4x6x6xf32> loc "tanh"
  %h2 = relu %h : tensor<1x4x6x6xf32>
  %a = add %h2, %r0 : tensor<1x4x6x6xf32> loc "add"
  %g = sigmoid %a : tensor<1x4x6x6xf32>
  %m = mul %a, %g : tensor<1x4x6x6xf32> loc "mul"
  %k = concat %m, %g {axis = 1} : tensor<1x8x6x6xf32> loc "concat"
  %t4 = transpose %k {permutation = [0, 2, 3, 1]} : tensor<1x6x6x8xf32>
  %p = max_pool %t4 {kernel = [2, 2], strides = [2, 2]} : tensor<1x3x3x8xf32> loc "pool"
  %v = avg_pool %p {kernel = [2, 2]} : tensor<1x2x2x8xf32> loc "average"
  %t5 = transpose %v {permutation = [0, 3, 1, 2]} : tensor<1x8x2x2xf32>
  %f = reshape %t5 {shape = [1, 32]} : tensor<1x32xf32>
  %w2 = constant {value = dense<[${Array.from({ length: 32 }, () => `[${dense(3, 0.5)}]`).join(", ")}]>} : tensor<32x3xf32>
  %l = matmul %f, %w2 : tensor<1x3xf32> loc "gemm"
  %b2 = constant {value = dense<[0.1, 0.2, -0.3]>} : tensor<3xf32>
  %lb = add %l, %b2 : tensor<1x3xf32>
  %y = softmax %lb {axis = 1} : tensor<1x3xf32> loc "softmax"
  return %y
}`;

const net = (): Graph => parseGraphs(text, { file: "net.qir" })[0]!;
const count = 12;
const images = tensor("f32", [count, 2, 6, 6], uniform(count * 72, -1, 1));
const samples = samplesFromArrays([images], [[1, 2, 6, 6]]);

const run = (graph: Graph, pipeline: string, parts: Partial<PassContext> = {}): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples, ...parts }),
    { print: printGraph },
  );

const quantized = (graph: Graph, input: Tensor): Tensor => {
  const { scale, zero } = graph.inputs[0]!.type.quantization!;
  const stored = Array.from(numbersOf(input), (x) =>
    Math.max(-128, Math.min(127, Math.round(x / scale[0]!) + zero[0]!)),
  );
  return tensor("i8", input.shape, stored);
};
const real = (graph: Graph, output: Tensor): number[] => {
  const { scale, zero } = graph.outputs[0]!.type.quantization!;
  return Array.from(numbersOf(output), (q) => scale[0]! * (q - zero[0]!));
};

describe("the optimize pipeline", () => {
  test("keeps the meaning, one transposition at the input, one operation a layer", async () => {
    const graph = net();
    await run(graph, pipelines.optimize);
    for (const sample of samples.batches()) {
      const [before, after] = [net(), graph].map((g) => numbersOf(interpret(g, sample)[0]!));
      before!.forEach((x: number, i: number) => {
        expect(after![i]).toBeCloseTo(x, 5);
      });
    }
    const names = graph.operations
      .map((operation) => operation.definition.name)
      .filter((name) => name !== "constant");
    expect(names).toEqual([
      ...["transpose", "conv2d", "clip", "conv2d", "tanh", "relu", "add", "sigmoid", "mul", "concat"],
      ...["max_pool", "avg_pool", "reshape", "linear", "softmax"],
    ]);
  });
});

describe("the default pipeline", () => {
  test("gives a stored graph close to the real one, with bounds for every accumulator", async () => {
    const graph = net();
    const records = await run(graph, pipelines.default);
    let worst = 0;
    for (const sample of samples.batches()) {
      const expected = numbersOf(interpret(net(), sample)[0]!);
      const actual = real(graph, interpret(graph, [quantized(graph, sample[0]!)])[0]!);
      actual.forEach((y, i) => (worst = Math.max(worst, Math.abs(y - expected[i]!))));
    }
    expect(worst).toBeLessThan(0.02);
    const names = graph.operations
      .map((operation) => operation.definition.name)
      .filter((name) => name !== "constant");
    // tanh and relu are one table; clip is the first requantization's clamp; the sigmoid is converted for the concatenation.
    expect(names.filter((name) => name === "lookup")).toHaveLength(3);
    expect(names).not.toContain("clip");
    expect(names).not.toContain("relu");
    const findings = records.find((record) => record.pass === "bound-accumulators")!.findings;
    expect(findings.map((finding) => finding["operator"])).toEqual([
      "conv2d",
      "conv2d",
      "mul",
      "avg_pool",
      "linear",
    ]);
  });

  test("no sample leaves an accumulator's bounds", async () => {
    const graph = net();
    const records = await run(graph, pipelines.default);
    const findings = records.find((record) => record.pass === "bound-accumulators")!.findings;
    const bounds = new Map(findings.map((finding) => [finding["value"], finding]));
    let checked = 0;
    for (const sample of samples.batches())
      interpret(graph, [quantized(graph, sample[0]!)], (name, values) => {
        const bound = bounds.get(name);
        if (bound === undefined) return;
        checked++;
        for (const acc of numbersOf(values)) {
          expect(acc).toBeGreaterThanOrEqual(bound["low"] as number);
          expect(acc).toBeLessThanOrEqual(bound["high"] as number);
        }
      });
    expect(checked).toBe(5 * count);
  });

  test("stored and fake-quantized graph differ by one step at most, value by value", async () => {
    const fake = net();
    await run(fake, `${pipelines.optimize}, calibrate, insert-fake-quantization`);
    const stored = parseGraphs(printGraph(fake), { file: "fake.qir" })[0]!;
    await run(stored, "requantize, check-integer-only");
    // One operation at a time: every stored operation is fed with what the fake graph has there.
    const sample = [...samples.batches()][0]!;
    const integers = new Map<string, Tensor>();
    interpret(fake, sample, (name, value) => integers.set(name, value));
    const input = quantized(stored, sample[0]!);
    expect(integers.get("x_stored")!.data).toEqual(input.data);
    let compared = 0;
    interpret(stored, [input], (name, value) => {
      const expected = integers.get(name);
      if (expected?.element !== value.element) return;
      compared++;
      numbersOf(value).forEach((q: number, i: number) => {
        // Errors of earlier steps add up; they stay small.
        expect(Math.abs(q - numbersOf(expected)[i]!), name).toBeLessThanOrEqual(2);
      });
    });
    expect(compared).toBeGreaterThan(10);
  });

  test("samples that came as u8 fix the input's quantization, moved by 128", async () => {
    const graph = net();
    const given = { element: "u8" as const, scale: 0.0078125, zero: 128 };
    await run(graph, pipelines.default, { inputQuantization: new Map([["x", given]]) });
    expect(graph.inputs[0]!.type).toMatchObject({
      element: "i8",
      quantization: { scale: [0.0078125], zero: [0] },
    });
  });
});

describe("calibrate", () => {
  const small = (): Graph =>
    parseGraphs(
      `graph @f(%x: tensor<2xf32>) {
         %w = constant {value = dense<[[1, 1], [0, 0]]>} : tensor<2x2xf32>
         %y = linear %x, %w : tensor<2xf32> loc "layer"
         return %y
       }`,
      { file: "f.qir" },
    )[0]!;
  const source = (values: readonly number[]): SampleSource =>
    samplesFromArrays([tensor("f32", [values.length / 2, 2], Float32Array.from(values))], [[2]]);

  test("minmax gives exactly the extremes seen", async () => {
    const graph = small();
    await run(graph, "calibrate{method=minmax}", { samples: source([1, 2, -3, 0.5]) });
    expect(graph.inputs[0]!.range).toEqual({ min: -3, max: 2 });
    expect(graph.outputs[0]!.range).toEqual({ min: -2.5, max: 3 });
  });

  test("warns about what is not finite and leaves it out", async () => {
    const graph = small();
    const warnings: Diagnostic[] = [];
    await run(graph, "calibrate{method=minmax}", {
      samples: source([1, 2, NaN, Infinity]),
      warn: (warning) => warnings.push(warning),
    });
    expect(graph.inputs[0]!.range).toEqual({ min: 1, max: 2 });
    expect(warnings.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "not-finite: %x was NaN or infinite 2 times in 4",
      // 0 * NaN is NaN as well.
      "not-finite: %y was NaN or infinite 2 times in 4",
    ]);
  });

  test("fails where nothing finite was seen, naming the layer", async () => {
    await expect(
      run(small(), "calibrate{method=minmax}", { samples: source([NaN, NaN]) }),
    ).rejects.toMatchObject({
      diagnostics: [{ code: "not-finite" }, { code: "not-finite", subject: "layer" }],
    });
  });

  test("says what is missing without samples", async () => {
    const steps = parsePipeline("calibrate");
    const context = createContext({ executor: interpreterFactory });
    await expect(runPipeline(small(), steps, passes, context)).rejects.toMatchObject({
      diagnostics: [{ code: "no-samples" }],
    });
  });
});
