/**
 * ONNX operators that the importer takes apart, through the default pipeline to integers: every engine alike, and near the real
 * network. What single stored layers do not show: interleaved phases, normalizations folded through them, parts of a concatenation.
 */
import { expect, test } from "vitest";
import { pipelines } from "../../passes/pipelines.ts";
import { passes } from "../../passes/index.ts";
import { interpret, interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { f32, importNetwork, numbers, type Network } from "../frontends/onnx/networks.ts";
import { expectAgreement } from "./engines.ts";

const statistics = (channels: number): Record<string, Tensor> => ({
  s: f32(
    [channels],
    Array.from({ length: channels }, (_, c) => 0.5 + c / 4),
  ),
  o: f32(
    [channels],
    Array.from({ length: channels }, (_, c) => c - 2),
  ),
  m: f32([channels], Array<number>(channels).fill(3)),
  v: f32([channels], Array<number>(channels).fill(9)),
});
const norm = (from: string, to: string) => ({
  op: "BatchNormalization",
  in: [from, "s", "o", "m", "v"],
  out: [to],
});

const cases: Readonly<Record<string, { network: Network; operators: readonly string[] }>> = {
  "a transposed convolution, normalized and cut": {
    network: {
      nodes: [
        {
          op: "ConvTranspose",
          in: ["x", "w", "b"],
          out: ["c"],
          attributes: { strides: [2, 2], pads: [1, 0, 0, 1] },
        },
        norm("c", "n"),
        { op: "Relu", in: ["n"], out: ["y"] },
      ],
      inputs: { x: [1, 3, 4, 5] },
      initializers: { w: numbers(3, 5, 3, 4), b: numbers(5), ...statistics(5) },
    },
    operators: ["conv2d", "requantize", "reshape", "slice", "transpose"],
  },
  "one of a single axis": {
    network: {
      nodes: [
        { op: "ConvTranspose", in: ["x", "w"], out: ["c"], attributes: { strides: [2] } },
        norm("c", "n"),
        { op: "Relu", in: ["n"], out: ["y"] },
      ],
      inputs: { x: [1, 8, 6] },
      initializers: { w: numbers(8, 4, 2), ...statistics(4) },
    },
    operators: ["conv2d", "requantize", "reshape", "transpose"],
  },
  "a normalization of the input, of one behind an activation, and their concatenation": {
    network: {
      nodes: [
        norm("x", "n"),
        { op: "Conv", in: ["n", "w"], out: ["c"], attributes: { pads: [1, 1, 1, 1] } },
        { op: "Relu", in: ["c"], out: ["r"] },
        norm("r", "k"),
        { op: "Concat", in: ["n", "k", "r"], out: ["j"], attributes: { axis: 1 } },
        {
          op: "AveragePool",
          in: ["j"],
          out: ["y"],
          attributes: { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 1, 1, 1] },
        },
      ],
      inputs: { x: [1, 4, 6, 5] },
      initializers: { w: numbers(4, 4, 3, 3), ...statistics(4) },
    },
    operators: ["avg_pool", "concat", "conv2d", "requantize", "transpose"],
  },
  "an LSTM over a sequence, in both directions": {
    network: {
      nodes: [
        {
          op: "LSTM",
          in: ["x", "w", "r", "b"],
          out: ["y"],
          attributes: { hidden_size: 5, direction: "bidirectional" },
        },
      ],
      inputs: { x: [4, 1, 3] },
      initializers: { w: numbers(2, 20, 3), r: numbers(2, 20, 5), b: numbers(2, 40) },
    },
    // What the last step gives is no state: its gates are tables of 8 bits.
    operators: [
      "concat",
      "interpolate",
      "linear",
      "lookup",
      "mul",
      "requantize",
      "rescaled_add",
      "reshape",
      "slice",
    ],
  },
  "a GRU whose hidden part is reset before its product, with a clip": {
    network: {
      nodes: [
        {
          op: "GRU",
          in: ["x", "w", "r", "b"],
          out: ["y"],
          attributes: { hidden_size: 5, clip: { float: 2 } },
        },
      ],
      inputs: { x: [3, 1, 4] },
      initializers: { w: numbers(1, 15, 4), r: numbers(1, 15, 5), b: numbers(1, 30) },
    },
    operators: [
      "clip",
      "concat",
      "interpolate",
      "linear",
      "lookup",
      "mul",
      "requantize",
      "rescaled_add",
      "rescaled_sub",
      "reshape",
      "slice",
    ],
  },
  "layer normalization of an image and of its channels, with gain and offset": {
    network: {
      nodes: [
        { op: "Conv", in: ["x", "w"], out: ["c"] },
        { op: "InstanceNormalization", in: ["c", "s", "o"], out: ["n"] },
        { op: "Relu", in: ["n"], out: ["r"] },
        { op: "Transpose", in: ["r"], out: ["t"], attributes: { perm: [0, 2, 3, 1] } },
        { op: "LayerNormalization", in: ["t", "s", "o"], out: ["y"] },
      ],
      inputs: { x: [1, 3, 4, 5] },
      initializers: { w: numbers(4, 3, 1, 1), s: statistics(4)["s"]!, o: statistics(4)["o"]! },
      opset: 17,
    },
    operators: ["conv2d", "layer_norm", "requantize", "transpose"],
  },
};

test.each(Object.entries(cases))("%s", async (_, { network, operators }) => {
  const { graph } = importNetwork(network);
  const real = importNetwork(network).graph;
  const { shape } = graph.inputs[0]!.type;
  const random = createRandom(3);
  const inputs = Array.from({ length: 12 }, () =>
    tensor(
      "f32",
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => 4 * random.uniform() - 2),
    ),
  );
  const all = Float32Array.from(inputs.flatMap((input) => [...numbersOf(input)]));
  const samples = samplesFromArrays([tensor("f32", [inputs.length, ...shape], all)], [shape]);
  await runPipeline(
    graph,
    parsePipeline(pipelines.default),
    passes,
    createContext({ executor: interpreterFactory, samples }),
  );
  const found = new Set(graph.operations.map(({ definition }) => definition.name));
  found.delete("constant");
  expect([...found].sort()).toEqual(operators);

  const { scale, zero } = graph.inputs[0]!.type.quantization!;
  const stored = inputs.slice(0, 4).map((input) => {
    const integers = [...numbersOf(input)].map((x) => Math.round(x / scale[0]!) + zero[0]!);
    return tensor(
      "i8",
      shape,
      integers.map((q) => Math.max(-128, Math.min(127, q))),
    );
  });
  await expectAgreement(
    graph,
    stored.map((input) => [input]),
  );
  const output = graph.outputs[0]!.type.quantization!;
  let [signal, noise] = [0, 0];
  stored.forEach((input, i) => {
    const wanted = numbersOf(interpret(real, [inputs[i]!])[0]!);
    numbersOf(interpret(graph, [input])[0]!).forEach((q: number, at: number) => {
      signal += wanted[at]! ** 2;
      noise += ((q - output.zero[0]!) * output.scale[0]! - wanted[at]!) ** 2;
    });
  });
  // 30 dB and more: the error is that of eight bits, not of a wrong element.
  expect(signal / noise).toBeGreaterThan(1000);
});
